// Package standin is a GitHub to test against: the part of GitHub's REST that
// YACI calls, over real bare git repositories, with git smart HTTP and signed
// webhooks. End-to-end tests run the real server against it.
//
// As on GitHub Enterprise Server, REST is under /api/v3/ and repositories are at
// /{owner}/{name}.git. Each request and each answer is held against GitHub's own
// OpenAPI description (openapi.json, cut from @octokit/openapi, MIT): what
// GitHub would refuse with 422 is refused here, and noted in [GitHub.Violations].
//
// Invariant: a token reads and writes only what it was minted for.
package standin
