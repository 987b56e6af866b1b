// Judge decodes YAML documents with the decoder that Helm and Kubernetes use, so that tests can compare it with
// omupgrade's reader. Input: one JSON string a line. Output: {"value": …} or {"error": "…"} a line.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"sigs.k8s.io/yaml"
)

type answer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

func judge(line []byte) answer {
	var text string
	if err := json.Unmarshal(line, &text); err != nil {
		return answer{Error: "the question: " + err.Error()}
	}
	value, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			text, marshalErr := json.Marshal(judge(line))
			if marshalErr != nil {
				text = []byte(`{"error":"the answer"}`)
			}
			out.Write(append(text, '\n'))
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}
