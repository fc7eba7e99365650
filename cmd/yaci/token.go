package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/wire"
)

// adminRemote has the flags of commands that call the server with an admin token.
type adminRemote struct {
	URL      string `name:"url" env:"YACI_URL" help:"Address of the server, as https://ci.example.com."`
	APIToken string `name:"api-token" env:"YACI_API_TOKEN" help:"A token with the scope admin; the server's own YACI_API_TOKEN is one."`
}

// server returns a client. Both flags are required: a token that yaci login stored may lack the scope.
func (a adminRemote) server() (*client.Client, error) {
	if a.URL == "" || a.APIToken == "" {
		return nil, errors.New("set YACI_URL to the server's address and YACI_API_TOKEN to an admin token")
	}
	return client.New(client.Config{URL: a.URL, Token: a.APIToken})
}

// token has the commands about API tokens.
type token struct {
	adminRemote

	Create tokenCreate `cmd:"" help:"Create a token. It is printed once and stored as a hash."`
	Ls     tokenLs     `cmd:"" help:"List tokens and when they were last used."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token. The next call with it is refused."`
}

// tokenCreate creates a token.
type tokenCreate struct {
	Name  string `arg:"" help:"What the token is for; must be unique."`
	Scope string `enum:"read,run,admin" default:"read" help:"What the token permits: read; run (also start, retry and cancel); or admin (everything)."`
	Days  int    `help:"Days until the token expires; 0 means never."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run prints the token alone on standard output.
func (c tokenCreate) Run(ctx context.Context, t *token, out output) error {
	server, err := t.server()
	if err != nil {
		return err
	}
	request := map[string]any{"name": c.Name, "scope": c.Scope}
	if c.Days > 0 {
		request["expires"] = time.Now().UTC().AddDate(0, 0, c.Days).Truncate(time.Second)
	}
	var created wire.Token
	if err := server.Do(ctx, "POST", "/api/v1/tokens", request, &created); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, created)
	}
	const message = "Created token %s with scope %s. Store it now: it is not shown again.\n"
	fmt.Fprintf(out.stderr, message, created.ID, created.Scope)
	_, err = fmt.Fprintln(out.stdout, created.Token)
	return err
}

// tokenLs lists tokens.
type tokenLs struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a table of all tokens.
func (c tokenLs) Run(ctx context.Context, t *token, out output) error {
	server, err := t.server()
	if err != nil {
		return err
	}
	var page struct {
		Tokens []wire.Token `json:"tokens"`
	}
	if err := server.Do(ctx, "GET", "/api/v1/tokens", nil, &page); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, page.Tokens)
	}
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSCOPE\tCREATED\tLAST USED\tEXPIRES")
	for _, k := range page.Tokens {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Scope, date(&k.Created), date(k.Used), date(k.Expires))
	}
	return w.Flush()
}

// date returns a time in UTC for a table; "never" for nil.
func date(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// tokenRevoke revokes a token.
type tokenRevoke struct {
	ID string `arg:"" help:"Id of the token, as yaci token ls shows it."`
}

// Run revokes the token.
func (c tokenRevoke) Run(ctx context.Context, t *token, out output) error {
	server, err := t.server()
	if err != nil {
		return err
	}
	if err := server.Do(ctx, "DELETE", "/api/v1/tokens/"+url.PathEscape(c.ID), nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.stderr, "Token %s is revoked.\n", c.ID)
	return err
}
