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

// maxProblem bounds what is read of an error response, in bytes.
const maxProblem = 64 << 10

// Config says which server a [Client] calls.
type Config struct {
	URL   string       // required, as https://ci.example.com
	Token string       // empty: none is sent
	HTTP  *http.Client // nil: the default client, which waits as long as the context allows
}

// Client calls one server. Make it with [New].
type Client struct {
	url            string // without a slash at its end
	token          string
	idempotencyKey string // empty: none
	http           http.Client
}

// New returns a Client, or an error if the URL is not that of a server.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not a server URL: write it like https://ci.example.com", cfg.URL)
	}
	c := &Client{url: strings.TrimSuffix(cfg.URL, "/"), token: cfg.Token}
	if cfg.HTTP != nil {
		c.http = *cfg.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// URL returns the address of the server without a slash at its end.
func (c *Client) URL() string { return c.url }

// WithIdempotencyKey returns a Client whose POST requests the server executes at most once.
func (c *Client) WithIdempotencyKey(key string) *Client {
	keyed := *c
	keyed.idempotencyKey = key
	return &keyed
}

// Error is a response with status 300 or above. Its text is the server's own sentence.
type Error struct {
	Status int
	Detail string
	Run    string // id of the run that conflicts with the call; empty: none
}

func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Do makes one call. in is the request body: nil for none, an io.Reader for text, anything else is sent as JSON. out
// receives the response body: nil discards it, an io.Writer gets the bytes as they arrive, anything else is decoded from
// JSON. The error is an *Error if the server answered with status 300 or above.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the address, which this message has already
		}
		return fmt.Errorf("the server %s cannot be reached: %w", c.url, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return responseError(res)
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
		return fmt.Errorf("read the response of %s: %w", c.url, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	body, contentType, err := encodeBody(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", c.idempotencyKey)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// encodeBody returns a request body with its content type; nil and "" for none.
func encodeBody(in any) (body io.Reader, contentType string, err error) {
	switch v := in.(type) {
	case nil:
		return nil, "", nil
	case io.Reader:
		return v, "text/plain", nil
	}
	data, err := json.Marshal(in)
	if err != nil {
		return nil, "", err
	}
	return bytes.NewReader(data), "application/json", nil
}

// responseError returns the error of a response, with the sentence in its problem details (RFC 9457) if it has any.
func responseError(res *http.Response) error {
	e := &Error{Status: res.StatusCode}
	if res.StatusCode < 400 {
		e.Detail = "the server redirects to " + res.Header.Get("Location") + ": use that address"
		return e
	}
	if res.StatusCode == http.StatusUnauthorized {
		e.Detail = "the server rejected this token; run `yaci login` or set YACI_API_TOKEN"
		return e
	}
	var details struct {
		Detail string
		Run    string
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err == nil && json.Unmarshal(body, &details) == nil {
		e.Detail = details.Detail
		e.Run = details.Run
	}
	return e
}
