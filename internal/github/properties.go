package github

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// withoutProperties is a transport that empties the custom properties of repositories in answers. An organization can
// define properties whose values are lists. go-github v62 expects strings and would reject the whole answer.
type withoutProperties struct{}

// customProperties matches the properties of one repository. Their values are strings, lists of strings or null.
var customProperties = regexp.MustCompile(`("custom_properties"\s*:\s*)\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}`)

// RoundTrip makes a call.
func (withoutProperties) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !describesRepositories(r, res) {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	body = customProperties.ReplaceAll(body, []byte(`${1}{}`))
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}

// describesRepositories reports whether an answer may describe repositories. Contents, comparisons and lists of files,
// which can be large, do not.
func describesRepositories(r *http.Request, res *http.Response) bool {
	path := r.URL.Path
	return strings.Contains(res.Header.Get("Content-Type"), "json") && !strings.HasSuffix(path, "/files") &&
		!strings.Contains(path, "/contents/") && !strings.Contains(path, "/compare/")
}
