package main

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestJSONLines(t *testing.T) {
	const log = "one <b>\n\ntwo \"2\"\nthe end"
	const want = `{"job":"test","step":"unit","line":"one <b>"}
{"job":"test","step":"unit","line":""}
{"job":"test","step":"unit","line":"two \"2\""}
{"job":"test","step":"unit","line":"the end"}
`
	for name, read := range map[string]func(io.Reader) io.Reader{
		"at once":     func(r io.Reader) io.Reader { return r },
		"byte by one": iotest.OneByteReader,
	} {
		var out bytes.Buffer
		l := jsonLines(&out, "test", "unit")
		if _, err := io.Copy(l, read(bytes.NewBufferString(log))); err != nil {
			t.Fatal(err)
		}
		err := l.Flush()
		if err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
	var out bytes.Buffer
	l := jsonLines(&out, "", "unit")
	_, err := io.WriteString(l, "live\nnot y")
	if err != nil || out.String() != "{\"job\":\"\",\"step\":\"unit\",\"line\":\"live\"}\n" {
		t.Errorf("a line is written as it ends: %v %q", err, out.String())
	}
}
