package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/telhub/telhub/agent"
)

// transferView is a transaction as JSON has it.
type transferView struct {
	Addr  uint16 `json:"addr,omitempty"`
	Write string `json:"write,omitempty"`
	Read  string `json:"read,omitempty"`
	Error string `json:"error,omitempty"`
}

// printTrace prints how a reading came about. values is nil where there is none.
func (e *env) printTrace(name string, values []agent.ReadValue, t *agent.Trace) error {
	if e.json {
		return json.NewEncoder(e.stdout).Encode(traceView(name, values, t))
	}
	for i := range t.Transfers {
		fmt.Fprintln(e.stdout, transferText(&t.Transfers[i]))
	}
	for _, l := range t.Basis {
		fmt.Fprintln(e.stdout, l)
	}
	for i := range values {
		v := &values[i]
		fmt.Fprintf(e.stdout, "\n%s/%s\n", name, v.Output)
		for _, l := range t.Outputs[v.Output] {
			fmt.Fprintln(e.stdout, "  "+strings.TrimRight(l, " "))
		}
	}
	if len(values) == 0 {
		return nil
	}
	fmt.Fprintln(e.stdout)
	return e.printReading(name, values)
}

// traceView is what --raw --json prints.
func traceView(name string, values []agent.ReadValue, t *agent.Trace) any {
	list := []readValue{}
	for i := range values {
		v := &values[i]
		x := readValue{Name: name + "/" + v.Output, Unit: v.Unit, Status: v.Status, Steps: t.Outputs[v.Output]}
		if v.Status == agent.ReadOK {
			x.Value = &v.Value
		}
		if v.Stepped {
			x.Raw = &v.Raw
		}
		list = append(list, x)
	}
	transfers := []transferView{}
	for i := range t.Transfers {
		x := &t.Transfers[i]
		view := transferView{Addr: x.Addr, Write: fmt.Sprintf("%x", x.Write), Read: fmt.Sprintf("%x", x.Read)}
		if x.Err != nil {
			view.Error = x.Err.Error()
		}
		transfers = append(transfers, view)
	}
	return map[string]any{"values": list, "transfers": transfers, "basis": t.Basis}
}

// transferText prints a transaction; what is text is printed as such.
func transferText(x *agent.Transfer) string {
	var parts []string
	if x.Addr != 0 {
		parts = append(parts, fmt.Sprintf("0x%02x", x.Addr))
	}
	if len(x.Write) > 0 {
		parts = append(parts, "write "+bytesText(x.Write))
	}
	if len(x.Read) > 0 {
		parts = append(parts, "read "+bytesText(x.Read))
	}
	if x.Err != nil {
		parts = append(parts, x.Err.Error())
	}
	return strings.Join(parts, " ")
}

func bytesText(p []byte) string {
	for _, b := range p {
		if (b < ' ' || b > '~') && b != '\r' && b != '\n' && b != '\t' || len(p) < 4 {
			return fmt.Sprintf("% X", p)
		}
	}
	return fmt.Sprintf("%q", p)
}
