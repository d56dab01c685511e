package restore

var (
	FindTools  = findTools
	Parameters = parameters
	Thousands  = thousands
)
