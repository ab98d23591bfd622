package main

import (
	"encoding/json"

	"pcloud-apply/apply"
	"pcloud-apply/plan"
)

// unstable marks every JSON document until its format has settled.
const unstable = "unstable"

type planDocument struct {
	Format    string         `json:"format"`
	Inventory string         `json:"inventory"`
	Actions   []actionObject `json:"actions"`
	Refused   []objectText   `json:"refused"`
	Notes     []objectText   `json:"notes"`
}

type actionObject struct {
	Verb    string         `json:"verb"`
	Kind    string         `json:"kind"`
	Host    string         `json:"host"`
	Name    string         `json:"name"`
	Reason  string         `json:"reason"`
	Changes []changeObject `json:"changes,omitempty"`
	Status  string         `json:"status,omitempty"`
	Detail  string         `json:"detail,omitempty"`
	Error   string         `json:"error,omitempty"`
	Seconds float64        `json:"seconds,omitempty"`
	Stages  []stageObject  `json:"stages,omitempty"`
}

type stageObject struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

type changeObject struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

type objectText struct {
	Host  string `json:"host,omitempty"`
	Kind  string `json:"kind,omitempty"`
	Name  string `json:"name,omitempty"`
	Text  string `json:"text"`
	Whole bool   `json:"whole,omitempty"`
}

func (t *terminal) json(document any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

func planView(p plan.Plan) planDocument {
	document := planDocument{
		Format: unstable, Inventory: p.Inventory,
		Actions: []actionObject{}, Refused: []objectText{}, Notes: []objectText{},
	}
	for _, a := range p.Actions {
		document.Actions = append(document.Actions, actionView(a))
	}
	for _, r := range p.Refused {
		document.Refused = append(document.Refused, objectText{r.Host, string(r.Kind), r.Name, r.Reason, r.Whole})
	}
	for _, n := range p.Notes {
		document.Notes = append(document.Notes, objectText{n.Host, string(n.Kind), n.Name, n.Text, false})
	}
	return document
}

func actionView(a plan.Action) actionObject {
	object := actionObject{Verb: string(a.Verb), Kind: string(a.Kind()), Host: a.Host, Name: a.Name(), Reason: a.Reason}
	for _, c := range a.Changes {
		object.Changes = append(object.Changes, changeObject(c))
	}
	return object
}

func reportView(p plan.Plan, report *apply.Report) planDocument {
	document := planView(p)
	for i, result := range report.Results {
		object := &document.Actions[i]
		object.Status, object.Detail, object.Seconds = string(result.Status), result.Detail, result.Elapsed.Seconds()
		for _, stage := range result.Stages {
			object.Stages = append(object.Stages, stageObject{stage.Name, stage.Elapsed.Seconds()})
		}
		if result.Err != nil {
			object.Error = result.Err.Error()
		}
	}
	return document
}
