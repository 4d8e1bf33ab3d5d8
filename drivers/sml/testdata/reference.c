/*
 * Reads SML files from standard input with libsml and prints the entries of
 * their value lists: code, unit, value times ten to the scaler, as exactly as a
 * double can say it. Values of other types than numbers are left out.
 *
 *     gcc -o reference reference.c -lsml -lm
 */
#include <stdio.h>
#include <string.h>
#include <sml/sml_file.h>

/* scaled avoids pow(10, -n), which is not exact: it divides by 10^n. */
static double scaled(double v, int scaler)
{
	double p = 1;
	for (int k = scaler < 0 ? -scaler : scaler; k > 0; k--)
		p *= 10;
	return scaler < 0 ? v / p : v * p;
}

/* receive parses what stands between start and end sequence. */
static void receive(unsigned char *buffer, size_t len)
{
	sml_file *file = sml_file_parse(buffer + 8, len - 16);
	for (int m = 0; m < file->messages_len; m++) {
		sml_message *message = file->messages[m];
		if (*message->message_body->tag != SML_MESSAGE_GET_LIST_RESPONSE)
			continue;
		sml_get_list_response *body = message->message_body->data;
		for (sml_list *e = body->val_list; e; e = e->next) {
			if (!e->value || !e->obj_name || e->obj_name->len != 6)
				continue;
			int type = e->value->type & SML_TYPE_FIELD;
			if (type != SML_TYPE_INTEGER && type != SML_TYPE_UNSIGNED)
				continue;
			unsigned char *c = e->obj_name->str;
			printf("%d-%d:%d.%d.%d*%d\t%d\t%.17g\n", c[0], c[1], c[2], c[3], c[4], c[5], e->unit ? *e->unit : 255,
			       scaled(sml_value_to_double(e->value), e->scaler ? *e->scaler : 0));
		}
	}
	sml_file_free(file);
}

int main(void)
{
	static unsigned char buffer[8192];
	size_t len = fread(buffer, 1, sizeof buffer, stdin);
	if (len < 24 || len == sizeof buffer)
		return 1;
	/* Messages that hold the escape sequence hold it twice; libsml leaves that. */
	size_t out = 8;
	for (size_t in = 8; in < len - 8; in++) {
		if (in + 8 <= len - 8 && !memcmp(buffer + in, "\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b", 8))
			in += 4, memmove(buffer + out, buffer + in, 3), out += 3, in += 3;
		buffer[out++] = buffer[in];
	}
	receive(buffer, out + 8);
	return 0;
}
