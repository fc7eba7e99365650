package e2e

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/webhook"
)

// shutServer is a server without GitHub and cluster, which takes deliveries.
type shutServer struct {
	t    *testing.T
	addr string
	out  *LockedBuffer
	body []byte
}

// startShutOff starts one whose files are in a directory, and waits until it listens.
func startShutOff(t *testing.T, dir string) shutServer {
	t.Helper()
	if _, err := os.Stat("../../bin/yaci"); err != nil {
		t.Skip("make build first")
	}
	cmd, addr := Offline(t, dir)
	b := shutServer{t, addr, &LockedBuffer{}, must(os.ReadFile("../../testdata/webhooks/push.derived-branch.json"))(t)}
	cmd.Stdout, cmd.Stderr = b.out, b.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return b
		} else if time.Now().After(end) {
			t.Fatalf("the server does not listen: %v\n%s", err, b.out)
		}
	}
}

// deliver is what the server answers to a delivery within the time that GitHub gives it; 0: nothing.
func (b shutServer) deliver(guid string) int {
	client := &http.Client{Timeout: 9 * time.Second} // GitHub's is 10 s
	req := must(http.NewRequest(http.MethodPost, "http://"+b.addr+"/webhook", bytes.NewReader(b.body)))(b.t)
	for k, v := range map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Hook-ID": "1", "X-GitHub-Delivery": guid, "X-Hub-Signature-256": webhook.Sign([]byte(HookSecret), b.body)} {
		req.Header.Set(k, v)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// taken waits until a delivery is.
func (b shutServer) taken(guid string) {
	b.t.Helper()
	code := 0
	for end := time.Now().Add(30 * time.Second); code != http.StatusAccepted && time.Now().Before(end); {
		code = b.deliver(guid)
	}
	if code != http.StatusAccepted {
		b.t.Errorf("%d, want 202\n%s", code, b.out)
	}
}

// A delivery that cannot be stored, since somebody keeps the database locked, is
// answered with 503 before GitHub gives up at 10 s; when the lock is gone it is taken.
func TestLockedDatabaseAnswers503(t *testing.T) {
	dir := t.TempDir()
	b := startShutOff(t, dir)
	db := must(
		sql.Open("sqlite", "file:"+filepath.Join(dir, "yaci.db")+"?_pragma=busy_timeout(10000)&mode=rw&_txlock=immediate"),
	)(
		t,
	)
	defer db.Close()
	lock := must(db.Begin())(t)
	if code := b.deliver("a"); code != http.StatusServiceUnavailable {
		t.Errorf("locked: %d, want 503\n%s", code, b.out)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	b.taken("a")
}

// On a full disk deliveries are answered with 503; with room again they are
// taken, by the same process, and what was taken before is all there.
func TestFullDiskAnswers503(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("yaci-test", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("only root has a small disk made: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b := startShutOff(t, dir)
	b.taken("before")
	ballast := filepath.Join(dir, "ballast")
	f := must(os.Create(ballast))(t)
	if _, err := io.Copy(f, rand.Reader); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	taken, code := []string{"after", "before"}, 0
	for n := range 1000 { // the log of the database may have room for a few
		guid := fmt.Sprintf("full-%d", n)
		if code = b.deliver(guid); code != http.StatusAccepted {
			break
		}
		taken = append(taken, guid)
	}
	if code != http.StatusServiceUnavailable {
		t.Errorf("on a full disk: %d, want 503\n%s", code, b.out)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.taken("after")
	db := must(sql.Open("sqlite", "file:"+filepath.Join(dir, "yaci.db")+"?mode=ro"))(t)
	defer db.Close()
	var sound string
	err := db.QueryRow(`PRAGMA integrity_check`).Scan(&sound)
	if err != nil || sound != "ok" {
		t.Errorf("the database: %s, %v", sound, err)
	}
	for _, guid := range taken {
		var n int
		err := db.QueryRow(`SELECT count(*) FROM deliveries WHERE guid = ?`, guid).Scan(&n)
		if err != nil || n != 1 {
			t.Errorf("delivery %s is there %d times, %v", guid, n, err)
		}
	}
}
