package sysfs

// Error says what went wrong with which device, and what may help. A sensor
// has one of them and uses it again: it is valid until the sensor's next call.
type Error struct {
	Subject string // "hwmon lm75"
	Step    string // "read temp1_input"; may be empty
	Err     error  // a sentinel of package drivers, or what the kernel said
	Hint    string // what to do; may be empty
	There   List   // what there is instead, after the hint
}

// Error gives "subject: step: error: hint there".
func (e *Error) Error() string {
	s := e.Subject + ": "
	if e.Step != "" {
		s += e.Step + ": "
	}
	s += e.Err.Error()
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	if !e.There.Empty() {
		s += e.There.String()
	}
	return s
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// Set makes the error of a step's, and keeps the list.
func (e *Error) Set(step string, err error, hint string) error {
	e.Step, e.Err, e.Hint = step, err, hint
	return e
}

// Fail makes the error of what the kernel said.
func (e *Error) Fail(step string, err error) error {
	e.There.Reset()
	return e.Set(step, Sentinel(err), "")
}
