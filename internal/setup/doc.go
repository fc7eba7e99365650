// Package setup connects a server to GitHub. [Connect] makes the client from the settings. If they name neither a GitHub
// App nor a token, [Complete] adds the App that is stored in the database. If there is none either, it serves one page
// that creates it by GitHub's manifest flow: only somebody with the token from the server's log can open the page, a
// button leads to GitHub, and GitHub sends the browser back with a code for the App's credentials, which are stored.
//
// Called by internal/server and, for yaci doctor, by internal/admin.
//
// Invariant: credentials are only stored for the browser that opened the page with the token, and they never replace an
// App that is stored already.
package setup
