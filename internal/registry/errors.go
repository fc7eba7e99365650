package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/dial"
)

// statusOf returns the HTTP status with which a registry, or its token service, refused a request; 0 if it did not.
func statusOf(err error) int {
	var refused *transport.Error
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

// describeError turns an error into a message for people. Statuses are public and answers may contain secrets, such as
// a new token of the operator, so the message repeats nothing that the registry, its token service or the library
// wrote.
func describeError(ref name.Reference, image string, err error) error {
	host := ref.Context().RegistryStr()
	if status := statusOf(err); status != 0 {
		return describeStatus(host, image, status)
	}
	if message := permanentError(host, err); message != "" {
		return invalid(image, message)
	}
	var credentials credentialsError
	switch {
	case errors.As(err, &credentials):
		return fmt.Errorf("the credentials for registry %s cannot be read (YACI_REGISTRY_CONFIG)", host)
	case isTimeout(err):
		return fmt.Errorf("registry %s did not answer in time", host)
	case isNetwork(err):
		return fmt.Errorf("registry %s did not answer (%s)", host, networkProblem(err))
	case strings.Contains(err.Error(), textNoToken):
		return invalid(image, fmt.Sprintf("the token service of registry %s gave no token", host))
	case strings.Contains(err.Error(), textBadRealm):
		return invalid(image, fmt.Sprintf("registry %s names a token service that cannot be used", host))
	}
	return invalid(image, fmt.Sprintf("registry %s sent no image that can be read", host))
}

// invalid returns an error for which a retry cannot succeed.
func invalid(image, message string) error {
	return fmt.Errorf("%w: image %s: %s", ci.ErrInvalid, image, message)
}

// describeStatus describes the HTTP status with which a registry refused a request.
func describeStatus(host, image string, status int) error {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return invalid(image, fmt.Sprintf("not found, or YACI has no permission to read it (registry %s answered %d): "+
			"correct the name, or ask the operator of YACI", host, status))
	case status == http.StatusNotFound:
		return invalid(image, fmt.Sprintf("registry %s has no such image: correct the name", host))
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("registry %s accepts no more requests for now (429)", host)
	case status >= 500:
		return fmt.Errorf("registry %s answered %d", host, status)
	}
	return invalid(image, fmt.Sprintf("registry %s answered %d", host, status))
}

// permanentError returns a message for an error without a status for which a retry cannot succeed; empty for others.
func permanentError(host string, err error) string {
	var refused refusedError
	var unusable unusableError
	var noHost *net.DNSError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, dial.ErrNotPublic), strings.Contains(err.Error(), textRedirectRefused):
		return fmt.Sprintf("registry %s is not at a public address: "+
			"set run on the step, or ask the operator of YACI to list it in YACI_REGISTRIES", host)
	case errors.As(err, &refused):
		return fmt.Sprintf("registry %s %s", host, refused)
	case errors.As(err, &unusable):
		return unusable.Error()
	case errors.As(err, &noHost) && noHost.IsNotFound:
		return fmt.Sprintf("there is no registry %s: correct the name", host)
	case errors.As(err, &certificate):
		return fmt.Sprintf("the certificate of registry %s is not trusted", host)
	case errors.As(err, &noTLS):
		return fmt.Sprintf("registry %s does not speak https", host)
	case strings.Contains(err.Error(), textTooManyRedirects):
		return fmt.Sprintf("registry %s has too many redirects", host)
	}
	return ""
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// isNetwork reports whether a request got no complete answer.
func isNetwork(err error) bool {
	var call *url.Error
	var network *net.OpError
	return errors.As(err, &call) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) ||
		errors.Is(err, context.Canceled)
}

// Texts of errors that have no types: of net/http for redirects, and of go-containerregistry (pkg/v1/remote/transport).
const (
	textRedirectRefused  = "SSRF protection: "
	textTooManyRedirects = "stopped after 10 redirects"
	textNoToken          = "no token in bearer response"
	textBadRealm         = "realm" // the address of a token service
)

// networkProblem names why a request got no whole answer. The words of net/http are not used: they quote malformed
// answers.
func networkProblem(err error) string {
	var number syscall.Errno
	var lookup *net.DNSError
	var alert tls.AlertError
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &lookup):
		return "its name cannot be looked up"
	case errors.As(err, &alert):
		return "TLS fails"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case errors.Is(err, context.Canceled):
		return "the request was cancelled"
	}
	return "the request failed"
}
