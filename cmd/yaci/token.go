package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/wire"
)

// token is the commands about API tokens. They call the server.
type token struct {
	URL      string `name:"url" env:"YACI_URL" help:"Address of the server, as https://ci.example.com."`
	APIToken string `name:"api-token" env:"YACI_API_TOKEN" help:"A token for admin; the server's own YACI_API_TOKEN is one."`

	Create tokenCreate `cmd:"" help:"Make a token; it is printed once and stored as a hash."`
	Ls     tokenLs     `cmd:"" help:"List tokens, with their last use."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token; the next call with it is refused."`
}

func (t token) server() (client.Client, error) {
	c := client.Client{BaseURL: t.URL, Token: t.APIToken}
	if c.BaseURL == "" || c.Token == "" {
		return c, errors.New("set YACI_URL to the server's address and YACI_API_TOKEN to a token for admin")
	}
	return c, nil
}

type tokenCreate struct {
	Name  string `arg:"" help:"What it is for; unique."`
	Scope string `enum:"read,run,admin" default:"read" help:"What it may do: read; run (start, retry, cancel too); admin (everything)."`
	Days  int    `help:"Days that it is good; 0: until it is revoked."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run prints what the holder sends, alone on its line.
func (c tokenCreate) Run(ctx context.Context, t *token, out output) error {
	server, err := t.server()
	if err != nil {
		return err
	}
	asked := map[string]any{"name": c.Name, "scope": c.Scope}
	if c.Days > 0 {
		asked["expires"] = time.Now().UTC().AddDate(0, 0, c.Days).Truncate(time.Second)
	}
	var made wire.Token
	if err := server.Do(ctx, "POST", "/api/v1/tokens", asked, &made); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, made)
	}
	fmt.Fprintf(out.stderr, "Token %s for %s. Keep it: it is not shown again.\n", made.ID, made.Scope)
	_, err = fmt.Fprintln(out.stdout, made.Token)
	return err
}

type tokenLs struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists.
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Scope, day(&k.Created), day(k.Used), day(k.Expires))
	}
	return w.Flush()
}

// day is a moment in a list, in universal time; never without one.
func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func printJSON(out output, v any) error {
	to := json.NewEncoder(out.stdout)
	to.SetIndent("", "  ")
	return to.Encode(v)
}

type tokenRevoke struct {
	ID string `arg:"" help:"Id, as yaci token ls shows it."`
}

// Run revokes.
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
