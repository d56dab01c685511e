package migrations

// Statements returns the statements of an SQL file, for the lint and the tests of how files are cut.
func Statements(sql string) ([]string, error) {
	sts, err := split(sql)
	var texts []string
	for _, st := range sts {
		texts = append(texts, st.text)
	}
	return texts, err
}
