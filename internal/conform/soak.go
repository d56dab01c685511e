package conform

import "os"

// Soak says whether the long versions of the loops were asked for, by TENON_SOAK.
func Soak() bool { return os.Getenv("TENON_SOAK") != "" }
