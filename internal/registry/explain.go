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

// statusOf returns the HTTP status that a registry, or its token service, refused a request with; 0: none.
func statusOf(err error) int {
	var refused *transport.Error
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

// explain makes a sentence of an error. Statuses are public and answers may hold secrets, such as a new token of the
// operator, so that nothing is repeated of what a registry, its token service or the library writes.
func explain(ref name.Reference, image string, err error) error {
	host := ref.Context().RegistryStr()
	final := func(format string, args ...any) error {
		return fmt.Errorf("%w: image %s: %s", ci.ErrInvalid, image, fmt.Sprintf(format, args...))
	}
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return final(
			"not found, or YACI has no permission to read it (registry %s answered %d): correct the name, or ask who operates YACI",
			host,
			status,
		)
	case status == http.StatusNotFound:
		return final("registry %s has no such image: correct the name", host)
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("registry %s takes no more requests for now (429)", host)
	case status >= 500:
		return fmt.Errorf("registry %s answered %d", host, status)
	case status != 0:
		return final("registry %s answered %d", host, status)
	}
	var refused errRefused
	var unusable errNoImage
	var credentials errCredentials
	var noHost *net.DNSError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, dial.ErrNotPublic), strings.Contains(err.Error(), refusedRedirect):
		return final(
			"registry %s is not at a public address: set run on the step, or ask who operates YACI to list it in YACI_REGISTRIES",
			host,
		)
	case errors.As(err, &refused):
		return final("registry %s %s", host, refused)
	case errors.As(err, &unusable):
		return final("%s", unusable)
	case errors.As(err, &credentials):
		return fmt.Errorf("the credentials for registry %s cannot be read (YACI_REGISTRY_CONFIG)", host)
	case errors.As(err, &noHost) && noHost.IsNotFound:
		return final("there is no registry %s: correct the name", host)
	case errors.As(err, &certificate):
		return final("the certificate of registry %s is not trusted", host)
	case errors.As(err, &noTLS):
		return final("registry %s does not speak https", host)
	case strings.Contains(err.Error(), redirectsForEver):
		return final("registry %s redirects for ever", host)
	case isTimeout(err):
		return fmt.Errorf("registry %s did not answer in time", host)
	case isNetwork(err):
		return fmt.Errorf("registry %s did not answer (%s)", host, networkProblem(err))
	case strings.Contains(err.Error(), noToken):
		return final("the token service of registry %s gave no token", host)
	case strings.Contains(err.Error(), badRealm):
		return final("registry %s names a token service that cannot be used", host)
	}
	return final("registry %s sent no image that can be read", host)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// isNetwork reports whether a request got no whole answer.
func isNetwork(err error) bool {
	var call *url.Error
	var network *net.OpError
	return errors.As(err, &call) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) ||
		errors.Is(err, context.Canceled)
}

// Words of errors that have no types: of net/http for redirects, and of go-containerregistry (pkg/v1/remote/transport).
const (
	refusedRedirect  = "SSRF protection: "
	redirectsForEver = "stopped after 10 redirects"
	noToken          = "no token in bearer response"
	badRealm         = "realm" // the address of a token service
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
