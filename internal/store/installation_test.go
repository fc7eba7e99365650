package store_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/store"
)

func TestH7InstallationKeepsItsName(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		first, err := s.Installation(t.Context())
		must(t, err)
		second, err := s.Installation(t.Context())
		must(t, err)
		if first == "" || first != second {
			t.Errorf("names %q and %q", first, second)
		}
	})
}
