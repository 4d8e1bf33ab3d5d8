package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// board is what is looked at of a dashboard. Grafana's schema has been checked
// before.
type board struct {
	File       string `json:"-"`
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Panels     []panel
	Templating struct{ List []variable }
	Links      []struct{ URL string }
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Targets     []target
	FieldConfig struct{ Defaults struct{ Unit string } }
}

type target struct{ Expr, RefID string }

type variable struct {
	Name, Type, Definition string
	AllValue               string
}

func readDashboard(file string) (*board, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var strict sdk.Dashboard
	if err := strict.UnmarshalJSONStrict(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	b := &board{File: file}
	if err := json.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return b, nil
}

var variableName = regexp.MustCompile(`\$\{?(\w+)`)

// lint finds what the schema allows and nobody wants.
func (b *board) lint() (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if b.UID == "" || b.Title == "" {
		say("has no uid or title")
	}
	known := map[string]bool{"__rate_interval": true, "__range": true, "__interval": true}
	for _, v := range b.Templating.List {
		known[v.Name] = true
	}
	problems = append(problems, b.dead()...)
	ids := map[int]bool{}
	for i, p := range b.Panels {
		if ids[p.ID] {
			say("panel %q: id %d is used twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		for _, q := range b.Panels[:i] {
			if g, h := p.GridPos, q.GridPos; g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
				say("panels %q and %q overlap", p.Title, q.Title)
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
			say("panel %q does not fit into 24 columns", p.Title)
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			say("panel %q lacks a title, a description, a unit or an expression", p.Title)
		}
		for _, t := range p.Targets {
			if strings.TrimSpace(t.Expr) == "" || t.RefID == "" {
				say("panel %q: a target without expression or refId", p.Title)
			}
			for _, m := range variableName.FindAllStringSubmatch(t.Expr, -1) {
				if !known[m[1]] {
					say("panel %q: there is no variable $%s", p.Title, m[1])
				}
			}
		}
	}
	return problems
}

// dead finds variables that choose nothing: one that only narrows the values of
// another, while "all" of that other one is a pattern which matches them all.
func (b *board) dead() (problems []string) {
	for _, v := range b.Templating.List {
		if v.AllValue == "" {
			continue
		}
		for _, m := range variableName.FindAllStringSubmatch(v.Definition, -1) {
			for _, p := range b.Panels {
				for _, t := range p.Targets {
					if names := t.variables(); names[v.Name] && !names[m[1]] {
						problems = append(problems, fmt.Sprintf("panel %q: $%s changes nothing while $%s is all: name it in the expression, too", p.Title, m[1], v.Name))
					}
				}
			}
		}
	}
	return problems
}

func (t *target) variables() map[string]bool {
	names := map[string]bool{}
	for _, m := range variableName.FindAllStringSubmatch(t.Expr, -1) {
		names[m[1]] = true
	}
	return names
}
