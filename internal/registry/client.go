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
	lookupTimeout = 10 * time.Second // of one image
	tagTTL        = time.Minute      // how long the digest of a tag is cached
	cacheSize     = 2000             // images, and tags
)

// Keychain returns credentials of registries. It is called for each image that is not cached.
type Keychain func() (authn.Keychain, error)

// Client looks up images. Its methods may be called concurrently.
type Client struct {
	keychain  Keychain
	transport http.RoundTripper
	allowed   AllowList
	platform  v1.Platform // whose variant of an image counts

	flights singleflight.Group
	tags    *lru.Cache // cacheKey of a tag to cachedTag
	images  *lru.Cache // cacheKey of a digest to ci.Image; it never changes
}

// cachedTag is the digest of a tag.
type cachedTag struct {
	digest  string
	expires time.Time
}

// Config holds the settings of a Client.
type Config struct {
	Allowed  AllowList // registries that may be in private networks; nil: none
	Keychain Keychain  // nil: no credentials are used
}

// New returns a client for a server. It reaches public addresses and allowed registries.
func New(cfg Config) *Client {
	c := newClient(guardedTransport(cfg.Allowed), cfg.Keychain)
	c.allowed = cfg.Allowed
	return c
}

// NewLocal returns a client for the machine of a person, who chooses the registries. It reaches every address and uses
// the credentials of docker login.
func NewLocal() *Client {
	transport := limitedTransport{inner: newTransport(dialAny)}
	return newClient(transport, func() (authn.Keychain, error) { return authn.DefaultKeychain, nil })
}

func newClient(transport http.RoundTripper, keychain Keychain) *Client {
	return &Client{
		keychain:  keychain,
		transport: transport,
		platform:  v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		tags:      lru.New(cacheSize),
		images:    lru.New(cacheSize),
	}
}

// Image returns what an image is made to run, and its name by digest. If anonymous is true, no credentials are used.
// The error is a sentence without its full stop. It wraps ci.ErrInvalid if a retry cannot succeed.
func (c *Client) Image(ctx context.Context, image string, anonymous bool) (ci.Image, error) {
	ref, err := c.parse(image)
	if err != nil {
		return ci.Image{}, fmt.Errorf("%w: %q is not the name of an image, like golang:1.26", ci.ErrInvalid, image)
	}
	l := lookup{
		Client:    c,
		ref:       ref,
		image:     image,
		anonymous: anonymous || c.keychain == nil,
	}
	flight := c.flights.DoChan(l.cacheKey(ref.Name()), func() (any, error) {
		// Others may wait for the same lookup, so it does not end with the context of the first caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return l.run(ctx)
	})
	select {
	case <-ctx.Done():
		return ci.Image{}, describeError(ref, image, ctx.Err())
	case r := <-flight:
		if r.Err != nil {
			return ci.Image{}, describeError(ref, image, r.Err)
		}
		found, _ := r.Val.(ci.Image)
		found.Name = image
		found.Pinned = withoutTag(image) + "@" + found.Pinned
		return found, nil
	}
}

// parse parses the name of an image. The library uses plain HTTP for private addresses and a few names. The option
// name.Insecure makes it do so for registries that the operator lists with http.
func (c *Client) parse(image string) (name.Reference, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, err
	}
	if c.allowed[hostPort(&url.URL{Scheme: "http", Host: ref.Context().RegistryStr()})] == "http" {
		return name.ParseReference(image, name.Insecure)
	}
	return ref, nil
}

// lookup is one call of Image.
type lookup struct {
	*Client
	ref       name.Reference
	image     string
	anonymous bool
}

// cacheKey separates what the operator's credentials can read from what anybody can.
func (l lookup) cacheKey(reference string) string {
	return fmt.Sprintf("%t %s", l.anonymous, reference)
}

// run returns the image with its digest as Pinned.
func (l lookup) run(ctx context.Context) (ci.Image, error) {
	puller, err := l.puller(ctx)
	if err != nil {
		return ci.Image{}, err
	}
	digest, err := l.digest(ctx, puller)
	if err != nil {
		return ci.Image{}, err
	}
	ref := l.ref.Context().Digest(digest)
	if cached, ok := l.images.Get(l.cacheKey(ref.Name())); ok {
		found, _ := cached.(ci.Image)
		return found, nil
	}
	descriptor, err := puller.Get(ctx, ref)
	if err != nil {
		return ci.Image{}, err
	}
	found, err := commandOf(descriptor, l.platform)
	if err != nil {
		return ci.Image{}, err
	}
	found.Pinned = digest
	l.images.Add(l.cacheKey(ref.Name()), found)
	return found, nil
}

// digest returns the current digest of the reference. It tries HEAD first, because some registries count GET as a pull.
func (l lookup) digest(ctx context.Context, puller *remote.Puller) (string, error) {
	if ref, ok := l.ref.(name.Digest); ok {
		return ref.DigestStr(), nil
	}
	key := l.cacheKey(l.ref.Name())
	if cached, ok := l.tags.Get(key); ok {
		if tag, _ := cached.(cachedTag); time.Now().Before(tag.expires) {
			return tag.digest, nil
		}
	}
	digest := ""
	head, err := puller.Head(ctx, l.ref)
	switch {
	case err == nil:
		digest = head.Digest.String()
	case isFinal(err) || isNetwork(err):
		return "", err
	default: // some registries do not answer HEAD with all headers
		full, err := puller.Get(ctx, l.ref)
		if err != nil {
			return "", err
		}
		digest = full.Digest.String()
	}
	l.tags.Add(key, cachedTag{digest: digest, expires: time.Now().Add(tagTTL)})
	return digest, nil
}

// puller returns the library's client for one lookup. It does not retry, because the queue does.
func (l lookup) puller(ctx context.Context) (*remote.Puller, error) {
	auth := authn.Anonymous
	if !l.anonymous {
		keychain, err := l.keychain()
		if err != nil {
			return nil, credentialsError{err}
		}
		if auth, err = authn.Resolve(ctx, keychain, l.ref.Context()); err != nil {
			return nil, credentialsError{err}
		}
	}
	return remote.NewPuller(
		remote.WithContext(ctx),
		remote.WithTransport(l.transport),
		remote.WithAuth(auth),
		remote.WithUserAgent("yaci"),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryStatusCodes(),
	)
}

// credentialsError says that the operator's credentials cannot be used.
type credentialsError struct{ error }

// withoutTag removes the tag and the digest from the name of an image, and changes nothing else.
func withoutTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon]
	}
	return image
}

// isFinal reports whether the answer of a registry will not change by another method.
func isFinal(err error) bool {
	var refused refusedError
	if errors.As(err, &refused) {
		return true
	}
	status := statusOf(err)
	return status != 0 && status != http.StatusMethodNotAllowed
}
