package pipeline

import (
	"fmt"
	"strings"
)

// containerName is a DNS-1123 label that begins with the number of its step or
// service, so two never share one, whatever people call them. A step's begins
// with a digit and a service's with s and a digit, so neither is runner.CloneContainer.
func containerName(kind string, index int, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d", kind, index+1)
	dash := true
	for _, r := range strings.ToLower(name) {
		if b.Len() >= 50 {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if dash {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
		} else {
			dash = true
		}
	}
	return b.String()
}

// isEnvName reports whether s can name a variable in every shell.
func isEnvName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
