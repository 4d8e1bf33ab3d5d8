// Package expr compiles the small expressions of derived channels, such as
// dewpoint(temperature, humidity) or integral(power) / 3600, into programs that
// evaluate without allocating.
//
// # Language
//
// Every value is a float64. A bare name such as temperature is an output of the
// same sensor; {sensor/output} is any channel by its full name, and braces
// around a bare name serve for one that is no word or that means something
// else, as in {a-current} or {e}. A slash outside braces always divides:
// inside/temperature is the output inside, divided by the output temperature.
// Numbers carry no units.
//
// Operators, from the loosest to the tightest:
//
//	or
//	and
//	not
//	< <= > >= == !=   1 or 0; they cannot be chained
//	+ -
//	* /
//	-                 the sign
//	^                 power, from the right: 2^3^2 is 2^9, and -2^2 is -4
//
// In a condition anything but 0 is true. The constants are pi and e; Functions
// lists the functions. All arguments of a function, and both sides of and and
// or, are always evaluated: what integral(power) holds inside of an if grows
// whichever branch is taken.
//
// What is not a number (0/0, the square root of -1) stays so through
// comparisons, conditions and functions, so that a failed computation never
// looks like "no". A result that is not a finite number is none.
//
// # State
//
// Each call of integral, total and rate has a state of its own, which belongs
// to the Program; one goroutine uses it. Time is CLOCK_BOOTTIME in nanoseconds;
// wall time plays no part. AppendState and Restore carry sums and counters over
// a restart.
//
// Errors carry the position of what is wrong and a cure. The package starts no
// goroutine and imports internal/spell and nothing else of ours.
package expr
