// Package admin carries out the commands of operators: yaci doctor, prune, backup, secret, uninstall, and exec. Each
// function or type here is one command. They act on the database, the cluster and GitHub directly, with the rights of
// whoever runs them, and no server has to run.
//
// Called by cmd/yaci. internal/server uses [Pruner] for its daily pass.
package admin
