package config

import (
	"fmt"
	"net/url"
)

// Pages is what people see in a browser.
type Pages struct {
	PublicURL    string `name:"public-url" env:"YACI_PUBLIC_URL" help:"Where people reach this server, as https://ci.example.com. Commit statuses then link to the page of their run."`
	Checks       string `default:"off" env:"YACI_CHECKS" help:"on: show each outcome as a check run too, with the end of the failed log, annotations and a Re-run button. The App needs checks: write and the check_run event."`
	ClientID     string `name:"github-client-id" env:"YACI_GITHUB_CLIENT_ID" help:"Client id of the GitHub App: people can then sign in, see private repositories as on GitHub, and retry, cancel and approve where they may write. The App's callback URL is YACI_PUBLIC_URL and /-/signed-in behind it."`
	ClientSecret string `name:"github-client-secret" env:"YACI_GITHUB_CLIENT_SECRET" help:"Client secret of the GitHub App."`
	PrivatePages bool   `name:"private-pages" env:"YACI_PRIVATE_PAGES" help:"Show private repositories, and commands of POST /run, to everybody who reaches this server. For installations that only their owners can reach."`
}

// SignIn reports whether people can sign in.
func (p Pages) SignIn() bool { return p.ClientID != "" }

func (p Pages) problems(app bool) (ps []string) {
	switch {
	case p.Checks != "on" && p.Checks != "off":
		ps = append(ps, fmt.Sprintf("YACI_CHECKS is %q: write on or off.", p.Checks))
	case p.Checks == "on" && !app:
		ps = append(
			ps,
			"Check runs need a GitHub App: set YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE, or YACI_CHECKS=off.",
		)
	}
	switch {
	case (p.ClientID == "") != (p.ClientSecret == ""):
		ps = append(ps, "Signing in needs both YACI_GITHUB_CLIENT_ID and YACI_GITHUB_CLIENT_SECRET.")
	case p.SignIn() && p.PublicURL == "":
		ps = append(ps, "Signing in needs YACI_PUBLIC_URL, to which GitHub sends people back.")
	case p.SignIn() && !app:
		ps = append(ps, "Signing in needs a GitHub App: set YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE.")
	}
	if p.PublicURL == "" {
		return ps
	}
	u, err := url.Parse(p.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" ||
		u.Fragment != "" ||
		u.User != nil {
		ps = append(
			ps,
			fmt.Sprintf("YACI_PUBLIC_URL is %q: write scheme and host alone, like https://ci.example.com.", p.PublicURL),
		)
	}
	return ps
}
