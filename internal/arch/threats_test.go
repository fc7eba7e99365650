package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// threats maps what went wrong elsewhere (advisories, issues, documented races of
// other CI systems) to the test that shows that it cannot here: package and function. If the function ends with a
// slash, the id is in the name of one of its subtests, which fails without the defence.
// Not of YACI: agents and their tokens (CVE-2026-50141, GHSA-2w8g-h943-5fqh, Woodpecker #6308
// and #6845), a cache that runs share (CVE-2026-34042, CVE-2023-22726), scripts that mend the
// host (CVE-2023-43741), teams that a body names; it has none of these.
func threats() map[string]string {
	return map[string]string{
		// The front door.
		// acted before the signature was checked
		"CVE-2023-40034":             "internal/server TestWebhookStoresWhatIsSigned",
		"Appwrite advisory 7131":     "webhook TestSignatureIsRequired", // no signature counted as valid
		"CVE-2022-36885":             "internal/arch TestSecretsAreComparedInConstantTime",
		"CVE-2022-24912":             "internal/arch TestSecretsAreComparedInConstantTime",
		"GHSA-f67f-2j6r-m4c9":        "internal/arch TestSecretsAreComparedInConstantTime",
		"CVE-2025-27616":             "webhook TestBodyUnderAnotherName", // headers moved a repository
		"PAC 402d5c7ee":              "internal/arch TestNoAddressComesFromARequest",
		"CVE-2026-42294":             "internal/server TestFlood", // bodies were read before the check
		"CVE-2024-40634":             "internal/server TestFlood",
		"CVE-2026-40924":             "webhook TestBodyOverTheBoundIs413",
		"GHSA-v7hc-87jc-qrrr":        "internal/server TestFlood", // slow connections
		"CVE-2025-59531":             "webhook FuzzDecode",        // a missing field panicked
		"CVE-2025-59537":             "webhook FuzzDecode",
		"CVE-2025-59538":             "webhook TestMalformed",
		"CVE-2026-40886":             "internal/kube FuzzGrant",  // an annotation panicked
		"CVE-2026-33022":             "pipeline TestInvariants/", // a long name panicked
		"CVE-2021-45327":             "internal/flow TestOneRunForOneMeaning",
		"CVE-2026-20896":             "internal/server TestAuthorizationMatrix", // believed a proxy's header
		"PAC acknowledges too early": "internal/server TestWebhookWithoutDatabaseIs503",
		"CVE-2026-40109":             "internal/github TestCloneTokenErrors", // a repository of another installation

		// Who may run what.
		"CVE-2026-58370":      "internal/github TestPullsAndPeople", // a name was an identity
		"CVE-2020-5415":       "internal/github TestPullsAndPeople",
		"GHSA-627p-rr78-99rj": "internal/flow TestWhoNeedsNoApproval",
		"CVE-2026-58424":      "internal/flow TestWhatVoidsAnApproval", // approved once, trusted for ever
		"CVE-2026-58439":      "internal/flow TestWhatVoidsAnApproval", // kept after a retarget
		"PAC ok-to-test race": "internal/flow TestApprovalRace",
		"SRVKP-7238":          "internal/flow TestOKToTestWhenTheHeadMayHaveMoved",
		"Drone 10879":         "internal/store TestJobsNeedAPermit", // restart went round the gate
		"imposter commits":    "internal/flow TestStartRefused",     // a fork's commit by the repository's address
		"Woodpecker #2357":    "internal/web TestPrivateIsNotFound", // a repository was found by who may not see it
		"Woodpecker #1469":    "internal/e2e TestOperatorsSee",      // metrics for everybody
		"Woodpecker #1646":    "pipeline TestInvariants/",           // privileged
		"Woodpecker #1875":    "pipeline TestThreats/",              // a ceiling of time was not kept
		"Woodpecker #516":     "pipeline TestThreats/",              // text that is turned around
		"CVE-2021-42574":      "internal/web TestDirectionIsShown",
		"Woodpecker #4902":    "internal/decide TestForksWaitByDefault",
		"Woodpecker #3522":    "internal/decide TestGranted",
		"GHSA-6f2p-296r-cc28": "internal/github TestCloneToken", // a token for all repositories
		"CVE-2026-22555":      "internal/flow TestForkGetsNoSecret",
		"CVE-2026-61549":      "pipeline TestInvariants/", // the file chose a service account
		"Woodpecker #6809":    "pipeline TestInvariants/",
		"CVE-2026-31892":      "pipeline TestThreats/", // fields got round the strict mode
		"CVE-2026-42296":      "pipeline TestThreats/",
		"CVE-2026-54526":      "pipeline TestThreats/",
		"CVE-2022-39395":      "internal/config TestDefaults", // unsafe unless configured
		"GHSA-5jp2-vwrj-99rf": "internal/api TestAnswers",     // a parameter overrode the path
		"CVE-2026-55632":      "internal/server TestAuthorizationMatrix",
		"CVE-2026-52744":      "internal/server TestAuthorizationMatrix",
		"CVE-2021-21432":      "internal/server TestAuthorizationMatrix", // GitHub's token was ours
		"CVE-2026-8716":       "internal/decide TestGranted",             // a tag passed for a branch
		"CVE-2024-53862":      "internal/server TestAuthorizationMatrix", // what had ended could be read
		"Woodpecker #6349":    "internal/web TestPrivateIsNotFound",
		"Woodpecker #5790":    "internal/web TestWhatGitHubTakesAwayIsGone", // rights were remembered
		"Woodpecker #3847":    "internal/web TestSignInIsOfThisBrowser",     // the state of OAuth

		// Injection, files, network.
		"CVE-2026-40938": "pipeline TestInvariants/", // a branch that is an option
		"CVE-2025-21613": "webhook TestMalformed",    // a name that is an option
		"CVE-2026-33211": "internal/github TestFile", // a link led out of the repository
		"CVE-2022-24348": "internal/github TestFile", //
		"CVE-2022-24730": "internal/github TestFile", //
		"CVE-2022-24731": "internal/github TestFile", //
		"CVE-2024-32002": "cmd/yaci-step TestGitRunsNothingOfTheRepository",
		"CVE-2025-48384": "cmd/yaci-step TestGitRunsNothingOfTheRepository",
		"CVE-2026-71556": "internal/arch TestServerOpensNoRepository", // a library's worktrees followed links
		"CVE-2026-71557": "internal/arch TestServerOpensNoRepository",
		"CVE-2023-49569": "internal/arch TestServerOpensNoRepository",
		"CVE-2025-62156": "internal/arch TestServerOpensNoRepository", // archives were unpacked
		"CVE-2025-66626": "internal/arch TestServerOpensNoRepository",
		"CVE-2023-40584": "internal/arch TestServerOpensNoRepository",
		"CVE-2026-28406": "internal/arch TestServerOpensNoRepository",
		"CVE-2021-37914": "internal/arch TestServerOpensNoRepository", // templates saw secrets
		"CVE-2026-58421": "internal/arch TestServerOpensNoRepository", // expressions that take for ever
		"CVE-2024-32476": "internal/arch TestServerOpensNoRepository",
		// a log gave orders; here it says where something is wrong, and no more
		"CVE-2020-15228":      "internal/logscan FuzzAnnotation",
		"CVE-2026-34041":      "internal/logscan FuzzAnnotation",
		"CVE-2018-15192":      "internal/arch TestNoAddressComesFromARequest", // the server fetched what it was told to
		"CVE-2026-22874":      "internal/arch TestNoAddressComesFromARequest",
		"CVE-2026-44936":      "internal/github TestRedirects",
		"CVE-2026-58418":      "internal/github TestRedirects",
		"GHSA-vc3v-p3pr-4f5x": "pipeline TestThreats/",         // a secret's name was a path
		"CVE-2026-40923":      "pipeline TestInvariants/",      // a mount was the file's to choose
		"CVE-2024-41121":      "pipeline TestInvariants/",      // and so the runner was
		"CVE-2024-41122":      "pipeline TestInvariants/",      // variables changed the clone
		"CVE-2020-26294":      "pipeline TestInvariants/",      // templates saw the server
		"CVE-2024-28236":      "pipeline TestInvariants/",      //
		"CVE-2026-40161":      "internal/github TestRedirects", // a token went off-host
		"CVE-2026-41506":      "cmd/yaci TestRevokeToken",      //
		"CVE-2024-10220":      "pipeline TestInvariants/",      // gitRepo volumes
		"Tekton shared PVC":   "pipeline TestInvariants/",      //
		"CVE-2022-25175":      "pipeline TestInvariants/",      // workspaces were shared
		"CVE-2023-37264":      "internal/store TestLost",       // a Job of the same name was believed
		"CVE-2019-11254":      "pipeline TestThreats/",         // aliases, nesting
		"CVE-2021-4235":       "pipeline TestThreats/",         //
		"CVE-2022-3064":       "pipeline TestThreats/",         //
		"CVE-2022-28948":      "pipeline TestThreats/",         //
		"GHSA-4fcp-jxh7-23x8": "pipeline TestThreats/",         //
		"CVE-2024-52009":      "internal/redact TestNoSecretIsLogged",
		"Woodpecker #4551":    "internal/redact TestNoSecretIsLogged",
		"PAC 2c03760fd":       "internal/redact TestNoSecretIsLogged",
		"CVE-2025-23216":      "internal/redact TestNoSecretIsLogged",
		"Woodpecker #5305":    "internal/flow TestSecretIsReferredTo",              // values stood in the pod's spec
		"Woodpecker #1352":    "cmd/yaci-step TestPrepareKeepsTheTokenToItself",    // steps saw the clone token
		"GHSA-hg62-49fv-33pp": "internal/server TestFailedAuthenticationIsLimited", //
		"GitLab #26833":       "pipeline TestInvariants/",                          // CAP_NET_RAW
		"GitLab #3642":        "internal/e2e TestRedTeam",                          // the metadata address
		"Woodpecker #2466":    "internal/redact TestNoSecretIsLogged",
		"Woodpecker #4583":    "internal/redact TestNoSecretIsLogged",
		"CVE-2025-62157":      "internal/e2e TestCanaries", // the API showed credentials
		"CVE-2026-42295":      "internal/e2e TestCanaries",
		"CVE-2025-55190":      "internal/e2e TestCanaries",
		"CVE-2022-29947":      "internal/web TestNothingFromOutsideIsMarkup", // logs, names, links
		"CVE-2026-23960":      "internal/web TestNothingFromOutsideIsMarkup",
		"CVE-2026-45738":      "internal/web TestBrowser",
		"CVE-2019-5736":       "pipeline TestInvariants/", // escapes: never privileged, no paths of the host
		"CVE-2021-25741":      "pipeline TestInvariants/",
		"CVE-2021-30465":      "pipeline TestInvariants/",
		// and what a user namespace or a sandbox would stop, the doctor says
		"CVE-2024-21626": "internal/e2e TestDoctorOnIsolation",
		"CVE-2025-31133": "internal/e2e TestDoctorOnIsolation",
		"CVE-2025-52565": "internal/e2e TestDoctorOnIsolation",
		"CVE-2025-52881": "internal/e2e TestDoctorOnIsolation",
	}
}

func TestEveryThreatHasItsTest(t *testing.T) {
	have, texts := map[string][]string{}, map[string][]string{}
	for id, at := range threats() {
		dir, test, _ := strings.Cut(at, " ")
		test, inSubtest := strings.CutSuffix(test, "/")
		if have[dir] == nil {
			have[dir], texts[dir] = testsOf(t, dir)
		}
		carries := func(text string) bool { return strings.Contains(text, id) }
		if inSubtest && !slices.ContainsFunc(texts[dir], carries) {
			t.Errorf("%s: no subtest of %s carries the id", id, at)
		}
		if !slices.Contains(have[dir], test) {
			t.Errorf("%s: %s has no %s any more", id, dir, test)
		}
	}
	if n := len(threats()); n < 100 {
		t.Errorf("only %d threats", n)
	}
}

// testsOf returns the names of the functions in the test files of a directory, and the strings in them.
func testsOf(t *testing.T, dir string) (names, texts []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no tests, %v", dir, err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil {
				names = append(names, f.Name.Name)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING {
				texts = append(texts, lit.Value)
			}
			return true
		})
	}
	return names, texts
}

func TestSecretsAreComparedInConstantTime(t *testing.T) {
	for path, compare := range map[string]string{"webhook/signature.go": "hmac.Equal(got,", "internal/api/auth.go": "subtle.ConstantTimeCompare("} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), compare) || strings.Contains(string(text), "bytes.Equal") {
			t.Errorf("%s does not compare by %s", path, compare)
		}
	}
}

// GitHub's address is the operator's: no header that names a host is read.
// The server opens no repository, unpacks nothing and starts no program; texts of
// users meet no template engine and no expressions but those of Go's regexp, which take linear time.
func TestServerOpensNoRepository(t *testing.T) {
	// on a person's machine, and tests
	apart := []string{"internal/exec", "internal/store/pgtest", "internal/citest", "internal/citest/demo", "internal/e2e"}
	found := 0
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.pkg, "internal/") && s.pkg != "webhook" && s.pkg != "pipeline" ||
			slices.Contains(apart, s.pkg) {
			continue
		}
		found++
		for _, imp := range s.file.Imports {
			for _, never := range []string{`"os/exec"`, `"archive/`, `"text/template`, `"github.com/go-git/`, `"github.com/dlclark/regexp2`, `"github.com/itchyny/gojq`, `"github.com/google/cel-go`} {
				if strings.HasPrefix(imp.Path.Value, never) {
					t.Errorf("%s imports %s", s.path, imp.Path.Value)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d files were looked at", found)
	}
}

func TestNoAddressComesFromARequest(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.pkg, "internal/citest") {
			continue // which sends such headers
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING {
				for _, header := range []string{"X-GitHub-Enterprise", "X-Forwarded-", "X-Real-Ip"} {
					if strings.Contains(strings.ToLower(lit.Value), strings.ToLower(header)) {
						t.Errorf("%s reads %s", s.path, lit.Value)
					}
				}
			}
			return true
		})
	}
}
