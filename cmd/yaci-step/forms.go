package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// forms are the ways in which a program may print a secret: as it is, line by
// line, in base64 wherever in it the secret begins, escaped for a URL, for JSON or
// for a shell.
func forms(value string) (all []string) {
	all = append(all, value)
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= minSecret {
			all = append(append(all, line), shellForms(line)...)
		}
	}
	for offset := range 3 {
		all = append(all, base64Forms(value, offset)...)
	}
	for _, space := range []string{"+", "%20"} {
		all = append(all, urlForm(value, "%%%02X", space), urlForm(value, "%%%02x", space))
	}
	for _, html := range []bool{true, false} {
		form := jsonForm(value, html)
		all = append(all, form, strings.ReplaceAll(form, "/", `\/`))
	}
	return append(all, shellForms(value)...)
}

// shellForms are how shells write a value with "set -x" (bash, then dash and
// BusyBox) and with printf %q, without the quotes around it; the last one is that of
// bash for a value with control characters.
func shellForms(value string) []string {
	return []string{
		strings.ReplaceAll(value, "'", `'\''`),
		dashForm(value),
		backslashForm(value),
		strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(value),
	}
}

// dashForm puts each row of single quotes between double quotes, outside of the single quotes around the rest.
func dashForm(value string) string {
	var b strings.Builder
	for i := range len(value) {
		quote := value[i] == '\''
		if quote && (i == 0 || value[i-1] != '\'') {
			b.WriteString(`'"`)
		}
		b.WriteByte(value[i])
		if quote && i+1 < len(value) && value[i+1] != '\'' {
			b.WriteString(`"'`)
		}
	}
	return b.String()
}

// backslashForm puts a backslash before what printf %q of bash does: # and ~ at the beginning only.
func backslashForm(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(" '\"\\|&;()<>!{}*[]?^$`,", value[i]) >= 0 || i == 0 && (value[i] == '#' || value[i] == '~') {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// base64Forms are the characters that follow from the value alone when it
// begins at an offset, and those to its end when it is the last of what is encoded.
func base64Forms(value string, offset int) (all []string) {
	before := (offset*8 + 5) / 6 // characters that also depend on what comes before
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		text := enc.EncodeToString(append(make([]byte, offset), value...))
		sure := (offset + len(value)) * 8 / 6
		all = append(all, text[before:sure], text[before:])
	}
	return all
}

// urlForm escapes all but the letters, digits and signs that RFC 3986 (2.3) calls unreserved.
func urlForm(value, format, space string) string {
	var b strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ':
			b.WriteString(space)
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, format, c)
		}
	}
	return b.String()
}

func jsonForm(value string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(value) != nil {
		return value
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}
