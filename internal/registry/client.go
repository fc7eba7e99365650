package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/singleflight"
	"k8s.io/utils/lru"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	askTime   = 10 * time.Second // for one image
	tagTime   = time.Minute      // for which a tag is taken to mean the same image
	maxCached = 2000             // images, and tags
)

// Client asks registries. Its methods may be called concurrently.
type Client struct {
	keys      func() (authn.Keychain, error)
	transport http.RoundTripper
	listed    Listed
	platform  v1.Platform // whose variant of an image counts

	flights singleflight.Group
	tags    *lru.Cache // key of a tag to tag
	images  *lru.Cache // key of a digest to ci.Image: what a digest means never changes
}

// tag is what a tag meant a moment ago.
type tag struct {
	digest string
	until  time.Time
}

// New returns a client that uses credentials of a keychain, which is read for each image that is not known; nil: none.
// Registries in listed may be in private networks, and those listed with http are asked without TLS.
func New(listed Listed, keys func() (authn.Keychain, error)) *Client {
	c := newClient(guarded(listed), keys)
	c.listed = listed
	return c
}

// NewLocal returns a client for the machine of whoever runs it, who chooses the registries: it may reach every address.
func NewLocal() *Client {
	return newClient(
		bounded{inner: newTransport(dialAny)},
		func() (authn.Keychain, error) { return authn.DefaultKeychain, nil },
	)
}

func newClient(transport http.RoundTripper, keys func() (authn.Keychain, error)) *Client {
	return &Client{
		keys:      keys,
		transport: transport,
		platform:  v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		tags:      lru.New(maxCached),
		images:    lru.New(maxCached),
	}
}

// Image returns what an image is made to run, and its name by digest. anonymous says that no credentials are used. The
// error is a sentence without its full stop; it is ci.ErrInvalid, wrapped, when another try changes nothing.
func (c *Client) Image(ctx context.Context, image string, anonymous bool) (ci.Image, error) {
	ref, err := c.parse(image)
	if err != nil {
		return ci.Image{}, fmt.Errorf("%w: %q is not the name of an image, like golang:1.26", ci.ErrInvalid, image)
	}
	q := question{
		Client:    c,
		ref:       ref,
		image:     image,
		anonymous: anonymous || c.keys == nil,
	}
	flight := c.flights.DoChan(q.key(ref.Name()), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime) // others wait for it as well
		defer cancel()
		return q.answer(ctx)
	})
	select {
	case <-ctx.Done():
		return ci.Image{}, explain(ref, image, ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return ci.Image{}, explain(ref, image, r.Err)
		}
		found, _ := r.Val.(ci.Image)
		found.Name, found.Pinned = image, withoutTag(image)+"@"+found.Pinned
		return found, nil
	}
}

// parse reads the name of an image. The library tries plain HTTP for private addresses and a few names; the option
// makes it do so for each registry that is listed with http.
func (c *Client) parse(image string) (name.Reference, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, err
	}
	if c.listed[hostPort(&url.URL{Scheme: "http", Host: ref.Context().RegistryStr()})] == "http" {
		return name.ParseReference(image, name.Insecure)
	}
	return ref, nil
}

// question is one call for an image.
type question struct {
	*Client
	ref       name.Reference
	image     string
	anonymous bool
}

// key keeps what credentials let YACI see from those who must not use them.
func (q question) key(of string) string { return fmt.Sprintf("%t %s", q.anonymous, of) }

// answer returns the image with its digest as Pinned.
func (q question) answer(ctx context.Context) (ci.Image, error) {
	puller, err := q.puller(ctx)
	if err != nil {
		return ci.Image{}, err
	}
	digest, err := q.digest(ctx, puller)
	if err != nil {
		return ci.Image{}, err
	}
	ref := q.ref.Context().Digest(digest)
	if known, ok := q.images.Get(q.key(ref.Name())); ok {
		found, _ := known.(ci.Image)
		return found, nil
	}
	desc, err := puller.Get(ctx, ref)
	if err != nil {
		return ci.Image{}, err
	}
	found, err := commandOf(desc, q.platform)
	if err != nil {
		return ci.Image{}, err
	}
	found.Pinned = digest
	q.images.Add(q.key(ref.Name()), found)
	return found, nil
}

// digest returns what a reference means now. HEAD is asked first, since some registries count GET as a pull.
func (q question) digest(ctx context.Context, puller *remote.Puller) (string, error) {
	if ref, ok := q.ref.(name.Digest); ok {
		return ref.DigestStr(), nil
	}
	key := q.key(q.ref.Name())
	if known, ok := q.tags.Get(key); ok {
		if t, _ := known.(tag); time.Now().Before(t.until) {
			return t.digest, nil
		}
	}
	digest := ""
	desc, err := puller.Head(ctx, q.ref)
	switch {
	case err == nil:
		digest = desc.Digest.String()
	case isFinal(err) || isNetwork(err):
		return "", err
	default: // not every registry answers HEAD with all headers
		full, err := puller.Get(ctx, q.ref)
		if err != nil {
			return "", err
		}
		digest = full.Digest.String()
	}
	q.tags.Add(key, tag{digest, time.Now().Add(tagTime)})
	return digest, nil
}

// puller returns the library's client for one question. It makes no tries of its own: the queue does.
func (q question) puller(ctx context.Context) (*remote.Puller, error) {
	auth := authn.Anonymous
	if !q.anonymous {
		keys, err := q.keys()
		if err != nil {
			return nil, errCredentials{err}
		}
		if auth, err = authn.Resolve(ctx, keys, q.ref.Context()); err != nil {
			return nil, errCredentials{err}
		}
	}
	return remote.NewPuller(
		remote.WithContext(ctx),
		remote.WithTransport(q.transport),
		remote.WithAuth(auth),
		remote.WithUserAgent("yaci"),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryStatusCodes(),
	)
}

// errCredentials is the operator's mistake.
type errCredentials struct{ error }

// withoutTag cuts tag and digest off the name of an image, which otherwise stays as it is written.
func withoutTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon]
	}
	return image
}

// isFinal reports whether a registry has given an answer that counts.
func isFinal(err error) bool {
	var refused errRefused
	return statusOf(err) != 0 && statusOf(err) != http.StatusMethodNotAllowed || errors.As(err, &refused)
}
