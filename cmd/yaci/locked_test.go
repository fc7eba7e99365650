package main

import (
	"bytes"
	"database/sql"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/webhook"
)

// A delivery that cannot be stored, since somebody keeps the database locked, is
// answered with 503 before GitHub gives up at 10 s; when the lock is gone it is taken.
func TestLockedDatabaseAnswers503(t *testing.T) {
	if _, err := os.Stat("../../bin/yaci"); err != nil {
		t.Skip("make build first")
	}
	dir := t.TempDir()
	cmd, addr := shutOff(t, dir)
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	body := must(os.ReadFile("../../testdata/webhooks/push.derived-branch.json"))(t)
	client := &http.Client{Timeout: 9 * time.Second} // GitHub's is 10 s
	deliver := func() int {
		req := must(http.NewRequest(http.MethodPost, "http://"+addr+"/webhook", bytes.NewReader(body)))(t)
		for k, v := range map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Hook-ID": "1", "X-GitHub-Delivery": "a", "X-Hub-Signature-256": webhook.Sign([]byte(hookSecret), body)} {
			req.Header.Set(k, v)
		}
		res, err := client.Do(req)
		if err != nil {
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		} else if time.Now().After(end) {
			t.Fatalf("the server does not listen: %v\n%s", err, out)
		}
	}
	db := must(sql.Open("sqlite", "file:"+filepath.Join(dir, "yaci.db")+"?_pragma=busy_timeout(10000)&mode=rw&_txlock=immediate"))(t)
	defer db.Close()
	lock := must(db.Begin())(t)
	if code := deliver(); code != http.StatusServiceUnavailable {
		t.Errorf("locked: %d, want 503\n%s", code, out)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	code := 0
	for end := time.Now().Add(30 * time.Second); code != http.StatusAccepted && time.Now().Before(end); {
		code = deliver()
	}
	if code != http.StatusAccepted {
		t.Errorf("unlocked: %d, want 202\n%s", code, out)
	}
}
