package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// revokeToken gives an installation token back: DELETE /installation/token
// (docs.github.com, "Revoke an installation access token"). The clone container
// calls it, with the token on its standard input, where no list of processes shows it.
type revokeToken struct {
	Address string `arg:"" help:"Where GitHub takes tokens back."`
}

// Run makes the one call; it follows no redirect, so that the token goes nowhere else.
func (r revokeToken) Run(ctx context.Context, in io.Reader) error {
	token, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, r.Address, nil)
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("revoke token: github: %s", res.Status)
	}
	return nil
}
