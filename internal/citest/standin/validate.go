package standin

import (
	"bytes"
	"context"
	_ "embed" // openapi.json
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

//go:embed openapi.json
var openapi []byte

// validator holds requests and answers against GitHub's description.
type validator struct{ router routers.Router }

func newValidator() (*validator, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	if err != nil {
		return nil, err
	}
	doc.Servers = openapi3.Servers{{URL: "/api/v3"}}
	router, err := gorillamux.NewRouter(doc)
	return &validator{router}, err
}

// guard notes each request, applies faults, and validates both directions.
func (g *GitHub) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.requests = append(g.requests, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v3"))
		fault := g.fault
		g.mu.Unlock()
		if fault != nil {
			if code := fault(r); code != 0 {
				problem(w, code, "injected")
				return
			}
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		r.Body = io.NopCloser(bytes.NewReader(body))
		in, err := g.check.request(r)
		if err != nil {
			g.violation("request %s %s: %v", r.Method, r.URL, err)
			problem(w, http.StatusUnprocessableEntity, "Validation Failed")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if err := g.check.answer(in, rec); err != nil && rec.Code < 300 {
			g.violation("answer to %s %s: %v", r.Method, r.URL, err)
			problem(w, http.StatusInternalServerError, "standin: this answer is not GitHub's")
			return
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	})
}

func (v *validator) request(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, params, err := v.router.FindRoute(r)
	if err != nil {
		return nil, err
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	return in, openapi3filter.ValidateRequest(context.Background(), in)
}

func (v *validator) answer(in *openapi3filter.RequestValidationInput, rec *httptest.ResponseRecorder) error {
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Body: io.NopCloser(bytes.NewReader(rec.Body.Bytes())),
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}
