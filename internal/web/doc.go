// Package web is what people look at: pages made on the server that work
// without JavaScript and are live with it, logs, and the badge. internal/server
// mounts [Pages.Routes]; templates and static files are inside the binary.
//
// A page is a pure function of what the database holds and of what its reader
// may see ([ci.Sight]). Live states come by fetching the same page again, live
// logs by server-sent events that resume where they broke off.
//
// Who has signed in ([Sessions]) may change runs by forms ([Changes]).
//
// Invariants: what is out of sight answers as what does not exist, and nothing
// that came from outside reaches a page but through html/template or the
// terminal emulator, under a policy that allows no script but YACI's own files.
package web
