package e2e

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// workspaceCase is a pipeline that does what people do in a workspace. Each is one pod.
type workspaceCase struct {
	name   string
	yaml   string
	files  []citest.File // beside README and the pipeline
	tag    bool          // the event is the tag v1.0, not the push
	allows string        // repository that lets this one's runs read it
	state  string        // default: success
	says   string        // in the message of the run
}

// whatPeopleRun are steps that work for root and for others.
const whatPeopleRun = `
  - {name: git status, run: test -z "$(git status --porcelain)"}
  - {name: git status without variables, run: test -z "$(env -i PATH="$PATH" git status --porcelain)"}
  - {name: plumbing, run: git diff-index --quiet HEAD}
  - {name: dpkg-deb, run: dpkg-deb --build pkg out.deb >/dev/null}
  - {name: ssh-keygen, run: "getent passwd $(id -u) || exit 0; ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -y -f key >/dev/null"}
  - {name: executable, run: test ! -x gradlew && chmod +x gradlew && ./gradlew && touch -d yesterday README}
  - {name: modes, run: 'test "$(stat -c %a-%u README tools/run tools .)" = "$(printf "644-%s\n755-%s\n755-%s\n755-%s" $(id -u) $(id -u) $(id -u) $(id -u))"'}
  - {name: commit, run: git -c user.name=x -c user.email=x@y commit -q --allow-empty -m Step}
  - {name: cat, run: test -z "$(cat)"}
  - {name: sort, run: sort}
  - {name: tar, run: "! tar -xf - 2>error && grep -q 'does not look like a tar archive' error"}
  - {name: python, run: "! python3 -c 'input()' 2>error && grep -q EOFError error"}
  - name: home
    run: |
      mkdir -p "$HOME/.npm/_cacache" && echo x > "$HOME/.npm/_cacache/y" && git config --global user.name x
      test "$(git config --global user.name)" = x && test -n "$USER"
`

func workspaceCases() []workspaceCase {
	tree := []citest.File{
		{
			Path:    "pkg/DEBIAN/control",
			Content: "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: d\n",
		},
		{Path: "gradlew", Content: "#!/bin/sh\nexit 0\n"},
		{Path: "tools/run", Content: "#!/bin/sh\nexit 0\n", Mode: "100755"},
		{Path: "link", Content: "/etc/passwd", Mode: "120000"},
	}
	return []workspaceCase{
		{name: "C2-tag", tag: true, yaml: `
on: {push: {tags: ["v*"]}}
clone: {depth: 0}
image: TOOLS
steps:
  - {name: describe, run: test "$(git describe --tags)" = v1.0}
  - {name: base, run: test "$(git diff --name-only origin/main...HEAD)" = ""}
  - {name: head, run: test "$(git symbolic-ref refs/remotes/origin/HEAD)" = refs/remotes/origin/main}
`},
		{name: "C2-shallow", yaml: `
image: TOOLS
steps:
  - {name: no tags, run: test -z "$(git tag)"}
  - {name: fetch, run: git fetch --quiet --tags && test "$(git tag)" = v1.0}
`},
		{name: "C2-tags", yaml: `
clone: {tags: true, depth: 2}
image: TOOLS
steps:
  - {name: describe, run: 'git describe --tags | grep "^v1.0-1-g"'}
`},
		{name: "C4-root", files: tree, yaml: `
image: TOOLS
steps:` + whatPeopleRun + `
  - name: another user
    run: |
      as() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
      as env -i PATH="$PATH" git log -1 >/dev/null
      chown -R 1000 . && as chmod -x gradlew && as env -i PATH="$PATH" git status >/dev/null
`},
		{name: "C4-user", files: tree, yaml: `
image: TOOLS
user: 1000
steps:` + whatPeopleRun},
		{name: "C4-nobody", files: tree, yaml: `
image: TOOLS
user: 65534
steps:` + whatPeopleRun},
		{name: "C4-user-of-the-image", files: tree, yaml: `
image: USER1000
steps:
  - {name: chmod, run: chmod +x gradlew && touch -d '2020-01-01 00:00' README && test "$(stat -c %a-%u gradlew)" = 755-1000}
  - {name: modes, run: 'test "$(stat -c %a tools/run)" = 755 && test "$(stat -c %a tools)" = 755'}
  - {name: home, run: mkdir -p "$HOME/.npm" && test "$HOME" = /home/dev}
`},
		{name: "C4-mixed", files: tree, yaml: `
steps:
  - {name: root, image: TOOLS, run: "umask 077; echo key > key; test $(stat -c %u README) = 0"}
  - {name: user, image: USER1000, run: "test $(stat -c %u-%a key) = 1000-600; chmod +x gradlew; echo x >> README; rm tools/run"}
  - {name: root again, image: TOOLS, run: "test $(stat -c %u key) = 0; env -i PATH=$PATH git status >/dev/null"}
  - {name: a user of the file, image: TOOLS, user: 2000, run: "chmod 640 key; env -i PATH=$PATH git status >/dev/null; git -c user.name=x -c user.email=x@y commit -qam Step"}
`},
		{name: "C5", files: tree, yaml: `
image: USER12345
steps:
  - {name: home, run: git config --global user.name x && test "$(stat -c %a-%u "$HOME")" = 700-12345 && chmod +x gradlew}
  - {name: the same home, run: test "$(git config --global user.name)" = x && git status >/dev/null && test -n "$USER"}
`},
		{name: "C22", files: tree, yaml: `
image: IMAGE
working_directory: tools
steps:
  - {name: below, run: ./run && test "$PWD" = /workspace/tools}
  - {name: a command, run: [./run]}
  - {name: user, user: "1000:1001", working_directory: ., run: 'test "$(id -u):$(id -g)" = 1000:1001 && test -f README'}
`},
		{
			name:  "C22-missing",
			state: "failure",
			says:  "working_directory nowhere does not exist in the workspace",
			yaml: `
image: IMAGE
steps:
  - {name: lost, run: 'true', working_directory: nowhere}
`,
		},
	}
}

// TestWorkspace runs in one pod each what people run in the workspace of a build.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	cases := workspaceCases()
	cases = append(cases, w.submoduleCases()...)
	shas := map[string]string{}
	for _, c := range cases {
		r := w.Repo(c.name, strings.HasPrefix(c.name, "C7"))
		if c.allows != "" {
			code, body := w.call(
				"POST",
				"/api/v1/access",
				fmt.Sprintf(`{"repo": %q, "from": %q}`, c.allows, r.FullName()),
				apiToken,
			)
			if code != 201 {
				t.Fatalf("allow access to %s: %d %s", c.allows, code, body)
			}
		}
		if strings.HasPrefix(c.name, "C2-") {
			shas[c.name] = w.pushTagged(r, c)
			continue
		}
		files := append(
			c.files,
			citest.File{Path: ".yaci.yml", Content: images(c.yaml)},
			citest.File{Path: "README", Content: "hello\n"},
		)
		shas[c.name] = must(r.CommitFiles("main", "Change", files, w.Ada))(t)
	}
	w.Drain()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := *w
			w.T = t
			st := must(
				w.GitHub.Repo("ada/"+c.name).
					WaitStatus(citesttest.Context(t, 3*time.Minute), shas[c.name], "yaci", citest.Finished),
			)(
				t,
			)
			_, body := w.call("GET", "/api/v1/runs?repo=ada/"+c.name, "", apiToken)
			want := c.state
			if want == "" {
				want = "success"
			}
			if st.State != want || !strings.Contains(body, c.says) {
				t.Errorf("%s: %s, want %s: …%s…\n%s", st.State, st.Description, want, c.says, body)
			}
		})
	}
}

// pushTagged pushes a commit with the tag v1.0 and, unless the tag is the event,
// another one behind it. The pipeline is in the last one.
func (w *World) pushTagged(r *citest.Repo, c workspaceCase) string {
	w.T.Helper()
	clone := must(r.Clone(w.T.TempDir(), w.Ada))(w.T)
	files := map[string]string{"README": "hello\n", ".yaci.yml": images(c.yaml)}
	if !c.tag {
		delete(files, ".yaci.yml")
	}
	sha := must(clone.Push("First", files))(w.T)
	must(clone.Git("tag", "-a", "-m", "One", "v1.0"))(w.T)
	must(clone.Git("push", "--quiet", "origin", "v1.0"))(w.T)
	if c.tag {
		return sha
	}
	return must(clone.Push("Second", map[string]string{".yaci.yml": images(c.yaml)}))(w.T)
}

// images fills in the images of the local cluster.
func images(yaml string) string {
	for name, variable := range map[string]string{"image: TOOLS": "YACI_TOOLS_IMAGE", "image: IMAGE": "YACI_RUN_IMAGE",
		"image: USER1000": "YACI_UID_1000_IMAGE", "image: USER12345": "YACI_UID_12345_IMAGE", "image: LFS": "YACI_IMAGE"} {
		yaml = strings.ReplaceAll(yaml, name, "image: "+os.Getenv(variable))
	}
	return yaml
}

// submoduleCases are repositories with a submodule each.
func (w *World) submoduleCases() []workspaceCase {
	w.T.Helper()
	address := must(url.Parse(w.GitHub.URL()))(w.T)
	library, hidden := w.Repo("library", false), w.Repo("hidden", true)
	foreign := must(w.GitHub.CreateRepo("other/foreign", true))(w.T)
	pointer := must(library.AddLFS("of the library\n"))(w.T)
	attributes := citest.File{Path: ".gitattributes", Content: "*.bin filter=lfs diff=lfs merge=lfs -text\n"}
	head := func(r *citest.Repo) string {
		return must(
			r.CommitFiles(
				"main",
				"First",
				[]citest.File{attributes, {Path: "x.bin", Content: pointer}, {Path: "x", Content: "x\n"}},
				w.Ada,
			),
		)(
			w.T,
		)
	}
	with := func(address, sha string) []citest.File {
		return []citest.File{
			{Path: ".gitmodules", Content: fmt.Sprintf("[submodule \"sub\"]\n\tpath = sub\n\turl = %s\n", address)},
			{Path: "sub", Content: sha, Mode: "160000"},
		}
	}
	const reads = `
image: IMAGE
clone: {submodules: true}
steps: ['test "$(cat sub/x)" = x']
`
	inLibrary := head(library)
	inHidden := head(hidden)
	inForeign := head(foreign)
	return []workspaceCase{
		{name: "C6", files: with(w.GitHub.URL()+"/ada/library.git", inLibrary), yaml: `
image: LFS
clone: {submodules: true, lfs: true}
steps: ['test "$(cat sub/x.bin)" = "of the library"', 'test -z "$(git status --porcelain)"']
`},
		{name: "C7-ssh", files: with("git@"+address.Hostname()+":ada/library.git", inLibrary), yaml: reads},
		{name: "C7-relative", files: with("../library.git", inLibrary), yaml: reads},
		{
			name:  "C7-hidden",
			files: with("../hidden.git", inHidden),
			yaml:  reads,
			state: "error",
			says:  "yaci repo allow ada/hidden --from ada/C7-hidden",
		},
		{
			name:   "C7-allowed",
			files:  with("git@"+address.Hostname()+":ada/hidden.git", inHidden),
			yaml:   reads,
			allows: "ada/hidden",
		},
		{
			name:  "C7-foreign",
			files: with(w.GitHub.URL()+"/other/foreign.git", inForeign),
			yaml:  reads,
			state: "error",
			says:  "have different installations of the GitHub App",
		},
	}
}
