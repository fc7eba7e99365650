package registry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// TestC19CredentialsOfAPath: a path in the operator's file matches whole names of repositories.
func TestC19CredentialsOfAPath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	config := `{"auths":{
		"h.test/team":{"username":"team","password":"p"},
		"h.test/team/inner/":{"auth":"aW5uZXI6cA=="},
		"r.test":{"username":"r","password":"p"},
		"https://v.test/v2/":{"username":"v","password":"p"},
		"https://w.test/v1/team":{"username":"w","password":"p"},
		"x.test/v2":{"username":"x","password":"p"},
		"*.wild.test/a":{"username":"wild","password":"p"}}}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := Credentials(file)()
	if err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"h.test/team": "team", "h.test/team/x": "team", "h.test/team/x/y:1": "team",
		"h.test/teamevil": "", "h.test/teamevil/x": "",
		"h.test/other": "", "h.test/x/team": "", "h.test/team/inner": "inner",
		"h.test/team/inner/x": "inner", "h.test/team/innerest": "team",
		"r.test/x": "r", "r.test/x/y": "r", "r.test:8443/x": "", "evil.r.test/x": "",
		"v.test/x": "v", "w.test/team/x": "w", "w.test/teams": "",
		"x.test/v2/x": "x", "x.test/v2evil": "", "x.test/x": "",
		"b.wild.test/a/x": "wild", "b.wild.test/ab": "", "c.b.wild.test/a": "",
	} {
		ref, err := name.ParseReference(image)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := authn.Resolve(t.Context(), keys, ref.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := authn.Authorization(t.Context(), auth)
		if err != nil || got.Username != want {
			t.Errorf("%s: credentials of %q, %v, want %q", image, got.Username, err, want)
		}
	}
}
