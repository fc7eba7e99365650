package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/yaci-ci/yaci/internal/client"
)

// login keeps the address of a server and a token.
type login struct {
	URL  string `arg:"" env:"YACI_URL" help:"Address of the server, as https://ci.example.com."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help has examples.
func (login) Help() string {
	return `Reads the token from standard input, or asks for it, tries it, and keeps it in a file that only you can read.
An operator makes tokens with yaci token create. YACI_URL and YACI_API_TOKEN come before what is kept.

Examples:
  yaci login https://ci.example.com
  yaci login https://ci.example.com < token`
}

// Run keeps what the server takes.
func (l login) Run(ctx context.Context, in io.Reader, out output) error {
	token, err := asked(in, out)
	if err != nil {
		return err
	}
	a := account{URL: strings.TrimSuffix(l.URL, "/"), Token: token}
	if err := (client.Client{BaseURL: a.URL, Token: a.Token}).Do(ctx, "GET", "/api/v1/runs?limit=1", nil, nil); err != nil {
		return err
	}
	path, err := accountFile()
	if err != nil {
		return err
	}
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := path + ".new" // a file of its own, so that its mode is ours
	err = os.Remove(tmp)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if l.JSON {
		return printJSON(out, map[string]string{"url": a.URL, "file": path})
	}
	_, err = fmt.Fprintf(out.stdout, "Signed in to %s; kept in %s.\n", a.URL, path)
	return err
}

// asked is the token, which a terminal does not show.
func asked(in io.Reader, out output) (string, error) {
	var text string
	f, ok := in.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(out.stderr, "Token: ")
		data, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(out.stderr)
		if err != nil {
			return "", err
		}
		text = string(data)
	} else {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		text = line
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", errors.New("give the token on standard input")
	}
	return text, nil
}
