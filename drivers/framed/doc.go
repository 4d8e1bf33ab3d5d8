// Package framed reads devices that send binary telegrams over a serial line:
// a header, a length, values, a checksum. What they look like is a profile of
// kind framed.
//
// Stream decodes devices that send by themselves, Device those that are asked
// (a profile with poll). Both find telegrams with Scanner, which begins anew at
// the next byte after anything that is not one: a telegram is lost only if it is
// damaged itself. Nothing allocates after New.
package framed
