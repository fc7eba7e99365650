// Package citest is a GitHub to test against.
//
// It is an HTTP server in one process that speaks the part of GitHub's REST API
// that YACI uses, keeps real bare git repositories in a directory, serves them
// over git smart HTTP, and sends signed webhooks when someone pushes or opens a
// pull request. Addresses are those of a GitHub Enterprise Server:
// REST below /api/v3/, repositories at /{owner}/{repo}.git.
//
// The end-to-end tests and the demo are its callers; nothing that runs in
// production imports it. Tests use the subpackage citesttest, which starts a
// GitHub and fails the test on violations; the demo calls New itself.
//
//	gh, err := citest.New(citest.Options{HookURL: yaci + "/webhook", HookSecret: "s3cret"})
//	ada := gh.CreateUser("ada")
//	repo, err := gh.CreateRepo("ada/hello", true)
//	sha, err := repo.Commit("main", "first", map[string]string{".yaci.yml": "..."}, ada)
//	st, err := repo.WaitStatus(ctx, sha, "yaci", citest.Finished)
//
// Commit does in the repository what a push does. For a real git push from a
// working copy, over smart HTTP and with the person's token, see [Repo.Clone].
//
// The invariant: every call is held against GitHub's own OpenAPI description
// (openapi.json, MIT, from octokit/openapi). A request that GitHub would refuse
// is refused here with the same code and shape and is kept as a violation; an
// answer of this package that GitHub would not give is a violation too. So a
// test that ends without violations has spoken the real protocol. Faults (slow,
// broken, rate limited) are injected on purpose and are no violations.
//
// Where it knows less than GitHub: one App with one installation, no
// organisations, no GraphQL, no web pages. A call that is not built here answers
// 404 and is a violation: build it, and add it to openapi.json from the original.
package citest
