package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

//go:embed openapi.json
var description []byte

// Description answers GET /openapi.json with the description of the API (OpenAPI 3.1).
func Description(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(description)
}

// Problem answers with an error in the format of RFC 9457. The field error repeats the message for
// older clients.
func Problem(w http.ResponseWriter, code int, message string) {
	reply(w, code, problem(code, message))
}

// problem returns the fields of an error, to which a caller can add others.
func problem(code int, message string) map[string]any {
	return map[string]any{
		"type":   "about:blank",
		"title":  http.StatusText(code),
		"status": code,
		"detail": message,
		"error":  message,
	}
}

// reply answers with a value as JSON.
func reply(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // impossible for the types of this package
		code, body = http.StatusInternalServerError, []byte("{}")
	}
	write(w, code, append(body, '\n'))
}

// write answers with a body that is JSON already. Errors have a media type of their own (RFC 9457).
func write(w http.ResponseWriter, code int, body []byte) {
	kind := "application/json"
	if code >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	w.Write(body)
}
