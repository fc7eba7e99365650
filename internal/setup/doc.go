// Package setup connects a server that knows no GitHub App yet: one page, which
// only who has the token that the server has printed can open, leads to GitHub,
// where one button creates the App with the least rights (the manifest flow), and
// back, where what GitHub tells is stored. internal/server serves it in place of
// everything else until there is an App.
//
// Invariant: nothing is stored but for the browser that opened the page with the
// token, and never over an App that is there.
package setup
