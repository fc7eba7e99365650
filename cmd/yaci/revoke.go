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

// revokeToken revokes an installation token: DELETE /installation/token (docs.github.com, "Revoke an installation
// access token"). The clone container runs it with the token on standard input, where no list of processes shows it.
type revokeToken struct {
	Address string `arg:"" help:"Address of GitHub that revokes tokens."`
}

// A call that fails is repeated within the time that the clone container gives for all of them.
const (
	revokeAttempts = 3
	revokeTimeout  = runner.RevokeTimeout / 2
	revokePause    = 250 * time.Millisecond
)

// Run revokes the token. It follows no redirect, so that the token is sent nowhere else.
func (r revokeToken) Run(ctx context.Context, in io.Reader) error {
	token, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	client := http.Client{
		Timeout:       revokeTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for attempt := 1; ; attempt++ {
		retryable, err := r.call(ctx, &client, strings.TrimSpace(string(token)))
		if err == nil {
			return nil
		}
		if !retryable || attempt == revokeAttempts {
			return fmt.Errorf("revoke token: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("revoke token: %w", err)
		case <-time.After(revokePause):
		}
	}
}

// call makes one call and reports whether repeating it can help.
func (r revokeToken) call(ctx context.Context, client *http.Client, token string) (retryable bool, err error) {
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
	switch res.StatusCode {
	case http.StatusNoContent, http.StatusUnauthorized: // revoked now, or no longer valid
		return false, nil
	}
	return res.StatusCode >= http.StatusInternalServerError, fmt.Errorf("github: %s", res.Status)
}
