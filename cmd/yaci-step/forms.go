package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// forms are the ways in which a program may print a secret: as it is, line by
// line, in base64 wherever in it the secret begins, escaped for a URL or for JSON.
func forms(value string) (all []string) {
	all = append(all, value)
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= minSecret {
			all = append(all, line)
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
	return all
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
