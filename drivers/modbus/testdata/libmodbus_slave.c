/* Modbus slaves by libmodbus, for tests: units 1 to 3 (one on a serial line), each register tells its
 * own place: table << 15 | unit << 12 | address; bit a is a % 3 == 0.
 *
 * usage: libmodbus_slave rtu DEVICE UNIT | tcp PORT
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNITS = 3, REGISTERS = 200 };

static modbus_mapping_t *unit_map(int unit)
{
	modbus_mapping_t *m = modbus_mapping_new(REGISTERS, REGISTERS, REGISTERS, REGISTERS);
	if (m == NULL) {
		perror("mapping");
		exit(1);
	}
	for (int a = 0; a < REGISTERS; a++) {
		m->tab_registers[a] = unit << 12 | a;
		m->tab_input_registers[a] = 1 << 15 | unit << 12 | a;
		m->tab_bits[a] = m->tab_input_bits[a] = a % 3 == 0;
	}
	return m;
}

/* Answers what is asked of the units. On a serial line the library itself lets
 * only its own unit's requests through. */
static int serve(modbus_t *ctx, modbus_mapping_t *maps[], int is_tcp)
{
	uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
	int header = modbus_get_header_length(ctx);
	for (;;) {
		int n = modbus_receive(ctx, query);
		if (n > header) {
			int unit = query[header - 1];
			if (unit >= 1 && unit <= UNITS && modbus_reply(ctx, query, n, maps[unit]) == -1 && is_tcp)
				return -1;
		} else if (n == -1 && (is_tcp || errno == EIO || errno == EBADF)) {
			return -1;
		} else if (n == -1) {
			usleep(1000);
			modbus_flush(ctx); /* half a request, a damaged one, or nothing after all */
		}
	}
}

static int run_tcp(int port, modbus_mapping_t *maps[])
{
	modbus_t *ctx = modbus_new_tcp("127.0.0.1", port);
	int listener = ctx == NULL ? -1 : modbus_tcp_listen(ctx, 1);
	if (listener == -1) {
		fprintf(stderr, "tcp %d: %s\n", port, modbus_strerror(errno));
		return 1;
	}
	while (modbus_tcp_accept(ctx, &listener) != -1) {
		serve(ctx, maps, 1);
		modbus_close(ctx);
	}
	return 1;
}

static int run_rtu(const char *device, modbus_mapping_t *maps[], int unit)
{
	modbus_t *ctx = modbus_new_rtu(device, 19200, 'N', 8, 1);
	if (ctx == NULL || modbus_set_slave(ctx, unit) == -1 || modbus_connect(ctx) == -1) {
		fprintf(stderr, "%s: %s\n", device, modbus_strerror(errno));
		return 1;
	}
	serve(ctx, maps, 0);
	fprintf(stderr, "%s: %s\n", device, modbus_strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: %s rtu DEVICE UNIT | tcp PORT\n", argv[0]);
		return 2;
	}
	modbus_mapping_t *maps[UNITS + 1] = {0};
	for (int u = 1; u <= UNITS; u++)
		maps[u] = unit_map(u);
	if (strcmp(argv[1], "tcp") == 0)
		return run_tcp(atoi(argv[2]), maps);
	return run_rtu(argv[2], maps, argc == 4 ? atoi(argv[3]) : 1);
}
