package citesttest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// fakeTest is a test whose failures are looked at.
type fakeTest struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (f *fakeTest) Helper()          {}
func (f *fakeTest) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeTest) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// What GitHub would refuse with 422 fails the test that did it.
func TestViolationFailsTheTest(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{`{"state":"success"}`, ""},
		{`{"state":"passed"}`, "state"},
		{`{"state":"success","description":"` + strings.Repeat("x", 141) + `"}`, "maximum is 140 characters"},
	} {
		f := &fakeTest{TB: t}
		gh := citesttest.Start(f, citest.Options{})
		ada := gh.CreateUser("ada")
		repo, err := gh.CreateRepo("ada/hello", true)
		if err != nil {
			t.Fatal(err)
		}
		sha, err := repo.Commit("main", "first", nil, ada)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest("POST", gh.APIURL()+"repos/ada/hello/statuses/"+sha, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+ada.Token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		for _, c := range f.cleanups {
			c()
		}
		got := strings.Join(f.errors, "\n")
		refused := res.StatusCode == http.StatusUnprocessableEntity
		if refused != (tc.want != "") || refused != (got != "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %d, and the test says %q, want %q", tc.body, res.StatusCode, got, tc.want)
		}
	}
}
