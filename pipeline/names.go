package pipeline

import (
	"fmt"
	"strings"
)

// containerName is the DNS-1123 label of the step at an index. It begins with
// the step's number, so two steps never share one, whatever people call them.
func containerName(index int, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", index+1)
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
