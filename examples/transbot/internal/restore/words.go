package restore

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Bytes writes a number of bytes as people read it.
func Bytes(n int64) string {
	f, unit := float64(n), "bytes"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, next
	}
	if unit == "bytes" {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
}

// thousands writes a number with its thousands apart.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// maxLine bounds a message on a page, in bytes.
const maxLine = 600

func oneLine(err error) string {
	if errors.Is(err, context.Canceled) {
		return "broken off"
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + " …"
	}
	return text
}
