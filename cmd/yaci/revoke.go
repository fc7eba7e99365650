package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// revokeToken gives an installation token back: DELETE /installation/token
// (docs.github.com, "Revoke an installation access token"). The clone container
// calls it, with the token on its standard input, where no list of processes shows it.
type revokeToken struct {
	Address string `arg:"" help:"Where GitHub takes tokens back."`
}

// A call that is lost is made again, within the time that the clone container gives for all.
const (
	revokeTries = 3
	revokeTime  = runner.RevokeTimeout / 2
	revokePause = 250 * time.Millisecond
)

// Run gives the token back. It follows no redirect, so that the token goes nowhere else.
func (r revokeToken) Run(ctx context.Context, in io.Reader) error {
	token, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	client := http.Client{
		Timeout:       revokeTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for try := 1; ; try++ {
		again, err := r.call(ctx, &client, strings.TrimSpace(string(token)))
		if err == nil {
			return nil
		}
		if !again || try == revokeTries {
			return fmt.Errorf("revoke token: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("revoke token: %w", err)
		case <-time.After(revokePause):
		}
	}
}

// call tells whether another try can help.
func (r revokeToken) call(ctx context.Context, client *http.Client, token string) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, r.Address, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		return true, err
	}
	res.Body.Close()
	if res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusUnauthorized { // it is worth nothing already
		return false, nil
	}
	return res.StatusCode >= http.StatusInternalServerError, fmt.Errorf("github: %s", res.Status)
}
