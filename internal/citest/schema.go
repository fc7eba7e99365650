package citest

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed openapi.json
var description []byte

// schema is GitHub's description of its REST API, cut to what YACI may call.
type schema struct{ doc *openapi3.T }

func loadSchema() (*schema, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, fmt.Errorf("GitHub's API description: %w", err)
	}
	return &schema{doc}, nil
}

// operation finds a call in the description, nil when it is not there.
func (s *schema) operation(method, path string) *routers.Route {
	item := s.doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil
	}
	return &routers.Route{
		Spec:      s.doc,
		Path:      path,
		PathItem:  item,
		Method:    method,
		Operation: item.GetOperation(method),
	}
}

// exchange is one request and how the description sees it.
type exchange struct {
	input *openapi3filter.RequestValidationInput
}

func newExchange(r *http.Request, body []byte, params map[string]string, op *routers.Route) exchange {
	if string(bytes.TrimSpace(body)) == "null" {
		body = nil // as a Go client sends no options; GitHub takes it for nothing
	}
	if params["path"] == "" && op != nil && strings.HasSuffix(op.Path, "/{path}") {
		params = map[string]string{"owner": params["owner"], "repo": params["repo"], "path": "."} // the root directory
	}
	clone := r.Clone(context.WithoutCancel(r.Context()))
	clone.Body, clone.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if clone.Header.Get("Content-Type") == "" ||
		strings.HasPrefix(clone.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		clone.Header.Set("Content-Type", "application/json") // GitHub reads any body as JSON, curl -d included
	}
	return exchange{&openapi3filter.RequestValidationInput{

		Request:    clone,
		PathParams: params,
		Route:      op,
		Options:    &openapi3filter.Options{SkipSettingDefaults: true},
	}}
}

// checkRequest says what GitHub would refuse in the request.
func (e exchange) checkRequest() error {
	if e.input.Route == nil {
		return nil
	}
	return openapi3filter.ValidateRequest(context.Background(), e.input)
}

// checkAnswer says where an answer is not one that GitHub would give.
func (e exchange) checkAnswer(status int, header http.Header, body []byte) error {
	if e.input.Route == nil || !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		return nil
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{

		RequestValidationInput: e.input,
		Status:                 status,
		Header:                 header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
	})
}

// brief is the first lines of a validation error; the schema and value that follow are long.
func brief(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return strings.ReplaceAll(text, "\n", " ")
}
