// Package units reads sizes and spans of time as people write them in
// configurations and on command lines.
package units
