package ci_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestC19CommandOfAnImage has what a step without run executes.
func TestC19CommandOfAnImage(t *testing.T) {
	words := strings.Fields
	for name, c := range map[string]struct {
		image      ci.Image
		args, want []string
		wrong      string
	}{
		"both":                     {image: ci.Image{Entrypoint: words("trivy"), Cmd: words("--help")}, want: words("trivy --help")},
		"args replace CMD":         {image: ci.Image{Entrypoint: words("trivy"), Cmd: words("--help")}, args: words("fs ."), want: words("trivy fs .")},
		"ENTRYPOINT alone":         {image: ci.Image{Entrypoint: words("/bin/scan -q")}, want: words("/bin/scan -q")},
		"CMD alone":                {image: ci.Image{Cmd: words("serve --once")}, want: words("serve --once")},
		"args alone":               {image: ci.Image{Cmd: words("sh")}, args: words("ls -l"), want: words("ls -l")},
		"nothing":                  {image: ci.Image{Name: "scratch/x"}, wrong: "not valid: image scratch/x has no ENTRYPOINT or CMD: set run on the step"},
		"a shell":                  {image: ci.Image{Name: "golang", Cmd: words("bash")}, wrong: "image golang runs bash"},
		"a shell by its path":      {image: ci.Image{Name: "alpine", Cmd: words("/bin/sh")}, wrong: "image alpine runs sh"},
		"an interpreter":           {image: ci.Image{Name: "python", Cmd: words("python3.13")}, wrong: "image python runs python,"},
		"behind an ENTRYPOINT":     {image: ci.Image{Name: "node", Entrypoint: words("docker-entrypoint.sh"), Cmd: words("node")}, wrong: "image node runs node"},
		"a shell with a script":    {image: ci.Image{Cmd: words("sh -c true")}, want: words("sh -c true")},
		"an ENTRYPOINT shell, CMD": {image: ci.Image{Entrypoint: words("sh"), Cmd: words("/run.sh")}, want: words("sh /run.sh")},
	} {
		got, err := c.image.Command(c.args)
		switch {
		case c.wrong != "":
			if !errors.Is(err, ci.ErrInvalid) || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %q", name, err, c.wrong)
			}
		case err != nil || !slices.Equal(got, c.want):
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// TestC19IdleCommands has which whole commands are refused because they would read an empty standard input and pass.
func TestC19IdleCommands(t *testing.T) {
	for command, runs := range map[string]string{
		"/bin/bash": "bash", "/usr/bin/python3.11": "python", "/nodejs/bin/node": "node", "/sbin/tini -- /bin/bash": "bash",
		"perl5.42.2 -de0": "perl", "php -a": "php", "/bin/bash -l": "bash", "/bin/sh -c|bash": "bash", "docker-entrypoint.sh bash": "bash",
		"erl": "erl", "pwsh": "pwsh", "/bin/sh -c|bash -l": "bash", "sh -c|exec /bin/bash": "bash", "/bin/bash /docker-entrypoint.sh bash": "bash",
		"busybox sh": "sh", "busybox": "busybox", "env bash": "bash", "/usr/bin/env -i A=b python3": "python", "/tini -g -e 143 -- sh": "sh",
		"/usr/bin/dumb-init -c bash": "bash", "catatonit -- zsh": "zsh", "tini /nvidia_entrypoint.sh bash": "bash", "bash -c": "bash",
		"bash -eo pipefail": "bash", "bash -o pipefail -l": "bash", "sh -": "sh", "sh -s": "sh", "bash --login": "bash", "node --inspect": "node",
		"nodejs": "nodejs", "php8.2": "php", "docker-php-entrypoint php -a": "php", "php -d a=b -a": "php", "python3.13t -W ignore": "python",
		"python -i": "python", "python -c": "python", "python -": "python", "pypy3": "pypy", "ruby3.3": "ruby", "irb": "irb", "iex": "iex",
		"elixir": "elixir", "ghci": "ghci", "julia --project=.": "julia", "R --no-save": "r", "Rscript": "rscript", "scala": "scala",
		"jshell": "jshell", "groovysh": "groovysh", "groovy": "groovy", "lua5.4": "lua", "luajit": "luajit", "hy": "hy", "raku": "raku",
		"swipl": "swipl", "clojure -M --repl": "clojure", "deno": "deno", "/usr/local/bin/bun": "bun", "sqlite3": "sqlite", "guile": "guile",
		"sbcl": "sbcl", "ocaml": "ocaml", "utop": "utop", "pwsh -NoLogo": "pwsh", "cat": "cat", "/bin/sh -c|exec tini -- sh": "sh",

		"trivy": "", "/usr/bin/python3 /app/main.py": "", "node server.js": "", "/bin/sh -c|exec nginx": "", "python -m pytest": "",
		"tini -- nginx": "", "bash -c|make": "", "bash -lc|make": "", "/bin/sh -c|bash -c make": "", "sh -c|cd /app && bash": "",
		"/bin/sh -c|exec java $OPTS": "", "/entrypoint.sh": "", "/bin/bash /entrypoint.sh": "", "/entrypoint.sh -v": "", "tini": "", "env": "",
		"docker-entrypoint.sh npm test": "", "env A=b make": "", "busybox wget x": "", "bash -e run.sh": "", "node --test": "", "node -e|1": "",
		"perl -e|1": "", "perl -eexit": "", "python -cpass": "", "python --version": "", "python -V": "", "php -v": "", "php -r|echo 1;": "",
		"php -l a.php": "", "deno test": "", "julia -e|1": "", "julia --eval=1": "", "pwsh -Command|make": "", "pwsh -c|make": "", "pwsh a.ps1": "",
		"Rscript a.R": "", "sqlite3 a.db .dump": "", "bash-completion": "", "shellcheck": "", "rscript-lint": "", "cat a": "", "ruby -S rake": "",
		"/tini -- docker-entrypoint.sh eval|1": "", "bash --rcfile a run.sh": "", "bash --version": "",
	} {
		parts := strings.Split(command, "|") // behind the first, each is one word
		words := append(strings.Fields(parts[0]), parts[1:]...)
		for _, image := range []ci.Image{{Name: "x", Cmd: words}, {Name: "x", Entrypoint: words}, {Name: "x", Entrypoint: words[:1], Cmd: words[1:]}} {
			_, err := image.Command(nil)
			want := "image x runs " + runs + ", which does nothing"
			if runs == "" && err != nil || runs != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s: %v, want %q", command, err, runs)
			}
		}
	}
	image := ci.Image{Name: "x", Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"make"}}
	if _, err := image.Command([]string{"bash"}); !errors.Is(err, ci.ErrInvalid) {
		t.Errorf("args that name a shell: %v", err)
	}
}
