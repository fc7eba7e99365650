package config

import (
	"fmt"
	"net/url"
)

// Pages has the settings of the pages, of signing in, and of what GitHub shows.
type Pages struct {
	PublicURL    string `name:"public-url" env:"YACI_PUBLIC_URL" help:"Public address of this server, as https://ci.example.com. Commit statuses link to its pages."`
	Checks       string `default:"off" env:"YACI_CHECKS" help:"on also reports check runs, with the end of the failed log, annotations and a Re-run button. The App needs the permission checks: write and the event check_run."`
	ClientID     string `name:"github-client-id" env:"YACI_GITHUB_CLIENT_ID" help:"Client id of the GitHub App. With it, people can sign in, see the private repositories that they see on GitHub, and retry, cancel and approve where they have write access. Set the App's callback URL to YACI_PUBLIC_URL followed by /-/signed-in."`
	ClientSecret string `name:"github-client-secret" env:"YACI_GITHUB_CLIENT_SECRET" help:"Client secret of the GitHub App."`
	PrivatePages bool   `name:"private-pages" env:"YACI_PRIVATE_PAGES" help:"Show private repositories and the commands of POST /run to everybody who can reach this server. Use it only where nobody else can."`
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
