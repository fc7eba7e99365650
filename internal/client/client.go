package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client is one server and what it takes us for.
type Client struct {
	BaseURL string       // as https://ci.example.com
	Token   string       // empty: none is sent
	Key     string       // idempotency key of the calls; empty: none
	HTTP    *http.Client // nil: the default, which waits as long as the context allows
}

// Error is an answer of 300 or above. Its text is the server's own sentence.
type Error struct {
	Status int
	Detail string
	Run    string // id of the run that stands in the way; empty: none does
}

func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// maxProblem bounds what is read of an answer that tells of an error, in bytes.
const maxProblem = 64 << 10

// Do makes one call. in is the body: nil for none, an io.Reader for bytes as
// they are, anything else as JSON. out takes the answer: nil for what is thrown
// away, an io.Writer for bytes as they come, anything else from JSON. An answer
// of 300 or above is an *Error; what the network did wrong names the server.
func (c Client) Do(ctx context.Context, method, path string, in, out any) error {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	res, err := c.http().Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // which has no address in it: it is said here
		}
		return fmt.Errorf("the server %s cannot be reached: %w", c.BaseURL, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return problem(res)
	}
	switch to := out.(type) {
	case nil:
		return nil
	case io.Writer:
		_, err = io.Copy(to, res.Body)
	default:
		err = json.NewDecoder(res.Body).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.BaseURL, err)
	}
	return nil
}

func (c Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	kind := ""
	switch v := in.(type) {
	case nil:
	case io.Reader:
		body, kind = v, "text/plain"
	default:
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body, kind = bytes.NewReader(data), "application/json"
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a server: write it like https://ci.example.com", c.BaseURL)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.BaseURL, "/")+path, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.Key != "" {
		req.Header.Set("Idempotency-Key", c.Key)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return req, nil
}

// http is HTTP, or the default, that goes nowhere else.
func (c Client) http() *http.Client {
	own := http.Client{}
	if c.HTTP != nil {
		own = *c.HTTP
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// problem reads the sentence out of problem details (RFC 9457).
func problem(res *http.Response) error {
	e := &Error{Status: res.StatusCode}
	switch {
	case res.StatusCode < 400:
		e.Detail = "the server sends us on to " + res.Header.Get("Location") + ": use that address"
	case res.StatusCode == http.StatusUnauthorized:
		e.Detail = "the server does not take this token: set YACI_API_TOKEN to a good one"
	default:
		var details struct{ Detail, Run string }
		body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
		if err == nil && json.Unmarshal(body, &details) == nil {
			e.Detail, e.Run = details.Detail, details.Run
		}
	}
	return e
}
