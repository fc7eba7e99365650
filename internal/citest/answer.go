package citest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// answer is what a handler gives back; the body is sent as JSON.
type answer struct {
	status int
	body   any
	header http.Header
}

func ok(body any) answer      { return answer{status: http.StatusOK, body: body} }
func created(body any) answer { return answer{status: http.StatusCreated, body: body} }

// apiError is a refusal in GitHub's words.
type apiError struct {
	status  int
	message string
}

func (e apiError) Error() string { return strconv.Itoa(e.status) + " " + e.message }

// validationError is a 422 that names a field.
type validationError struct{ resource, field, message string }

func (e validationError) Error() string { return "422 " + e.field + ": " + e.message }

// refusal turns an error into GitHub's answer for it.
func refusal(err error) answer {
	var moved movedError
	if errors.As(err, &moved) {
		return moved.redirect()
	}
	var invalid validationError
	if errors.As(err, &invalid) {
		return answer{status: http.StatusUnprocessableEntity, body: object{
			"message": "Validation Failed", "documentation_url": docs, "status": "422",
			"errors": []object{
				{"resource": invalid.resource, "field": invalid.field, "code": "custom", "message": invalid.message},
			},
		}}
	}
	status, message := statusOf(err), err.Error()
	var e apiError
	if errors.As(err, &e) {
		message = e.message
	}
	return answer{
		status: status,
		body:   object{"message": message, "documentation_url": docs, "status": strconv.Itoa(status)},
	}
}

const docs = "https://docs.github.com/rest"

// encode makes the bytes of an answer and sets its content type and ETag.
func (a *answer) encode() ([]byte, error) {
	if a.header == nil {
		a.header = http.Header{}
	}
	var body []byte
	if a.body != nil {
		var err error
		if body, err = json.Marshal(a.body); err != nil {
			return nil, err
		}
		a.header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if a.status == http.StatusOK {
		sum := sha256.Sum256(body)
		a.header.Set("ETag", `W/"`+hex.EncodeToString(sum[:])+`"`)
	}
	return body, nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
