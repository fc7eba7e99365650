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

// maxToken bounds a token that is read from standard input, in bytes.
const maxToken = 4096

// login stores the address of a server and a token.
type login struct {
	URL  string `arg:"" env:"YACI_URL" help:"Address of the server, as https://ci.example.com."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help returns examples.
func (login) Help() string {
	return `Reads the token from standard input, or asks for it on a terminal, tries it, and stores it in a file that only
you can read. An operator creates tokens with yaci token create. YACI_URL and YACI_API_TOKEN take precedence over it.

Examples:
  yaci login https://ci.example.com
  yaci login https://ci.example.com < token`
}

// Run stores the account if the server accepts the token.
func (l login) Run(ctx context.Context, in io.Reader, out output) error {
	token, err := readToken(in, out)
	if err != nil {
		return err
	}
	a := account{URL: strings.TrimSuffix(l.URL, "/"), Token: token}
	c, err := client.New(client.Config{URL: a.URL, Token: a.Token})
	if err != nil {
		return err
	}
	if err := c.Do(ctx, "GET", "/api/v1/runs?limit=1", nil, nil); err != nil {
		return err
	}
	path, err := a.store()
	if err != nil {
		return err
	}
	if l.JSON {
		return printJSON(out, map[string]string{"url": a.URL, "file": path})
	}
	_, err = fmt.Fprintf(out.stdout, "Signed in to %s. The token is stored in %s.\n", a.URL, path)
	return err
}

// store writes the account to its file, and returns the path. A new file replaces the old one, so that its mode is
// always the right one.
func (a account) store() (string, error) {
	path, err := accountFile()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	tmp := path + ".new"
	err = os.Remove(tmp)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return "", err
	}
	return path, os.Rename(tmp, path)
}

// readToken reads a token. On a terminal it asks for it and does not show what is typed.
func readToken(in io.Reader, out output) (string, error) {
	text, err := readLine(in, out)
	if err != nil {
		return "", err
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New("the token is missing: pass it on standard input")
	}
	return text, nil
}

func readLine(in io.Reader, out output) (string, error) {
	f, isFile := in.(*os.File)
	if isFile && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(out.stderr, "Token: ")
		data, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(out.stderr)
		return string(data), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxToken)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return line, nil
}
