package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/webhook"
)

// TestAuthorizationMatrix [CVE-2026-55632; CVE-2026-52744; CVE-2024-53862]: every
// route of the router against everybody who may ask. A new route has to say here who it is for.
func TestAuthorizationMatrix(t *testing.T) {
	h, _ := apiFront(t)
	public := map[string]int{
		"GET /healthz":      200,
		"GET /readyz":       200,
		"GET /schema.json":  200,
		"GET /openapi.json": 200,
		"POST /webhook":     401,
	}
	// Pages are for all, and have nothing to show of what is not there, as here.
	for route, code := range map[string]int{"/": 200, "/repositories": 200, "/queue": 200, "/{owner}/{repo}": 404, "/badge/{owner}/{file}": 404, "/-/static/{hash}/{file}": 404} {
		public["GET "+route] = code
	}
	public["GET /-/sign-in"], public["GET /-/signed-in"], public["GET /deliveries"] = 404, 404, 404
	public["GET /-/access"], public["POST /-/access"] = 404, 403
	public["POST /-/sign-out"] = 403 // as all forms of who has not signed in
	for _, run := range []string{"/{owner}/{repo}/runs/{number}", "/-/runs/{run}"} {
		public["POST "+run+"/{verb}"] = 403
		job := run + "/attempts/{attempt}/jobs/{job}"
		for _, route := range []string{run + "/", run + "/attempts/{attempt}", job + "/", job + "/search", job + "/steps/{step}", job + "/steps/{step}/lines", job + "/steps/{step}/live", job + "/steps/{step}/log.txt"} {
			public["GET "+route] = 404
		}
	}
	guarded := map[string]ci.Scope{
		"POST /run": ci.ScopeRun, "GET /get": ci.ScopeRead, "POST /retry": ci.ScopeRun, "GET /api/v1/queue": ci.ScopeRead,
		"POST /api/v1/repos/{owner}/{repo}/runs": ci.ScopeRun,
		"GET /api/v1/repos":                      ci.ScopeRead, "GET /api/v1/runs": ci.ScopeRead, "GET /api/v1/runs/{run}": ci.ScopeRead, "GET /api/v1/runs/{run}/jobs": ci.ScopeRead,
		"GET /api/v1/runs/{run}/jobs/{job}": ci.ScopeRead, "GET /api/v1/runs/{run}/jobs/{job}/steps": ci.ScopeRead,
		"POST /api/v1/runs/{run}/cancel": ci.ScopeRun, "POST /api/v1/runs/{run}/retry": ci.ScopeRun, "POST /api/v1/runs/{run}/approve": ci.ScopeAdmin,
		"GET /api/v1/runs/{run}/jobs/{job}/steps/{step}/log": ci.ScopeRead, "GET /api/v1/deliveries": ci.ScopeRead, "POST /api/v1/deliveries/{delivery}/retry": ci.ScopeAdmin,
		"GET /api/v1/tokens": ci.ScopeAdmin, "POST /api/v1/tokens": ci.ScopeAdmin, "DELETE /api/v1/tokens/{token}": ci.ScopeAdmin,
		"GET /api/v1/access": ci.ScopeAdmin, "POST /api/v1/access": ci.ScopeAdmin, "DELETE /api/v1/access/{repo}/{from}": ci.ScopeAdmin,
	}
	holders := map[ci.Scope]string{}
	for _, scope := range ci.Scopes() {
		holders[scope] = "Bearer " + makeToken(t, h, string(scope), scope).Token
	}
	gone := makeToken(t, h, "gone", ci.ScopeAdmin)
	if w := ask(h, "DELETE", "/api/v1/tokens/"+gone.ID, "", "t", ""); w.Code != 200 {
		t.Fatalf("revoke: %d", w.Code)
	}
	// one's id, another's secret
	other := holders[ci.ScopeRead][:len("Bearer yaci_")+10] + holders[ci.ScopeAdmin][len("Bearer yaci_")+10:]
	count := 0
	err := chi.Walk(
		h.(chi.Routes),
		func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			count++
			name := method + " " + route
			_, known := public[name]
			if !known && guarded[name] == "" {
				t.Errorf("%s: say in this table who may call it", name)
			}
			for who, header := range map[string]string{"anonymous": "", "another's token": "Bearer other", "a GitHub token": "Bearer ghp_x", "basic": "Basic eDp5", "empty": "Bearer ",
				"a revoked token": "Bearer " + gone.Token, "another's id": other, "no id": "Bearer yaci_", "too long": holders[ci.ScopeAdmin] + "a"} {
				w, r := httptest.NewRecorder(), httptest.NewRequest(
					method,
					strings.NewReplacer("{", "", "}", "").Replace(route),
					nil,
				)
				r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", count)
				if header != "" {
					r.Header.Set("Authorization", header)
				}
				for _, forged := range []string{"X-Forwarded-For", "X-Forwarded-User", "X-Remote-User", "X-User"} { // CVE-2026-20896
					r.Header.Set(forged, "127.0.0.1")
				}
				h.ServeHTTP(w, r)
				want, open := public[name]
				if !open {
					want = http.StatusUnauthorized
				}
				if w.Code != want {
					t.Errorf("%s by %s: %d, want %d", name, who, w.Code, want)
				}
				if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" ||
					w.Header().Get("X-Frame-Options") != "DENY" {
					t.Errorf("%s: headers %v", name, w.Header())
				}
			}
			for scope, header := range holders {
				w, r := httptest.NewRecorder(), httptest.NewRequest(
					method,
					strings.NewReplacer("{", "", "}", "").Replace(route),
					nil,
				)
				r.Header.Set("Authorization", header)
				h.ServeHTTP(w, r)
				code, open := public[name]
				switch {
				case open && w.Code != code:
					t.Errorf("%s by a token for %s: %d, want %d", name, scope, w.Code, code)
				case !open && (w.Code == http.StatusUnauthorized || (w.Code == http.StatusForbidden) == scope.Allows(guarded[name])):
					t.Errorf("%s by a token for %s: %d %s", name, scope, w.Code, w.Body)
				}
			}
			return nil
		},
	)
	if err != nil || count < len(public)+len(guarded) {
		t.Errorf("%d routes, %v", count, err)
	}
}

// A client that guesses is answered shortly, and its neighbour is not [GHSA-hg62-49fv-33pp].
func TestFailedAuthenticationIsLimited(t *testing.T) {
	h, _ := front(t)
	ask := func(addr, forwarded string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/get?id=x", nil)
		r.RemoteAddr = addr
		r.Header.Set("X-Forwarded-For", forwarded)
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i := range 31 {
		if got := ask("192.0.2.1:5", fmt.Sprint(i)); (got == 429) != (i == 30) {
			t.Errorf("guess %d: %d", i, got)
		}
	}
	if got := ask("192.0.2.2:5", "192.0.2.1"); got != 401 {
		t.Errorf("a neighbour: %d", got)
	}
}

// paced is an endless body from a line of about a megabyte a second, so that on a
// small machine the attackers do not take the CPU from the server they share it with.
type paced struct{ ctx context.Context }

func (p paced) Read(b []byte) (int, error) {
	select {
	case <-p.ctx.Done():
		return 0, io.EOF
	case <-time.After(30 * time.Millisecond):
		return len(b), nil
	}
}

// slowConnections is how many slow connections the limits of this process allow.
func slowConnections(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(2000, (limit.Cur-min(limit.Cur, 800))/2))
}

// TestFlood [CVE-2026-42294; CVE-2024-40634; CVE-2026-40924; GHSA-v7hc-87jc-qrrr]:
// 200 endless bodies and 2,000 slow connections, or as many as this process may
// have (each needs two files here), for some seconds, on loopback.
func TestFlood(t *testing.T) {
	h, db := front(t)
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ReadHeaderTimeout, srv.Config.ReadTimeout = 5*time.Second, 30*time.Second
	srv.Start()
	defer srv.Close()
	push, err := os.ReadFile("../../testdata/webhooks/push.derived-branch.json")
	if err != nil {
		t.Fatal(err)
	}
	slow := slowConnections(t)
	ctx, stop := context.WithTimeout(t.Context(), 6*time.Second)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for range 200 {
		wg.Go(func() {
			for ctx.Err() == nil {
				r, _ := http.NewRequestWithContext(ctx, "POST", srv.URL+"/webhook", paced{ctx})
				if res, err := http.DefaultClient.Do(r); err == nil {
					res.Body.Close()
				}
			}
		})
	}
	var held atomic.Int64
	for range slow {
		wg.Go(func() {
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				return
			}
			defer c.Close()
			held.Add(1)
			for _, b := range "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Slow: yes" {
				_, err := c.Write([]byte(string(b)))
				if err != nil || ctx.Err() != nil {
					return
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
		})
	}
	var worst time.Duration
	var heap uint64
	taken, refused := 0, 0
	for i := 0; ctx.Err() == nil; i++ {
		start := time.Now()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/webhook", strings.NewReader(string(push)))
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-GitHub-Delivery", fmt.Sprint("g", i))
		r.Header.Set("X-Hub-Signature-256", webhook.Sign([]byte(secret), push))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusAccepted {
			taken++
		} else {
			refused++
		}
		worst = max(worst, time.Since(start))
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap = max(heap, m.HeapInuse)
	}
	t.Logf(
		"beside 200 endless bodies and %d slow connections: %d deliveries stored, %d refused, the slowest took %v; at most %d MiB in use",
		held.Load(),
		taken,
		refused,
		worst,
		heap>>20,
	)
	if taken == 0 || refused > 0 || len(stored(t, db)) != taken {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
	if held.Load() < int64(slow)/2 {
		t.Errorf("only %d of %d slow connections were made", held.Load(), slow)
	}
	if heap > 1<<30 {
		t.Errorf("%d MiB in use", heap>>20)
	}
}
