// The panel that shows one row of one table: every field with its name, value and type.
import { entityId, type Columns, type FieldType, type Simulation, type SimulationTable } from "@drumline/client";

const FIXED_ONE = 65536;
/** From here on a number is more likely an id or text than a quantity. */
const HEX_FROM = 2n ** 32n;

export function formatValue(type: FieldType, raw: bigint): string {
  if (type === "fixed") return (Number(raw) / FIXED_ONE).toFixed(4);
  if (type !== "u64") return raw.toString();
  const value = BigInt.asUintN(64, raw);
  return value < HEX_FROM ? value.toString() : `0x${value.toString(16)}`;
}

export class Inspector {
  /** −1: none. */
  table = -1;
  slot = -1;
  private readonly tableSelect = document.getElementById("table") as HTMLSelectElement;
  private readonly rowSelect = document.getElementById("row") as HTMLSelectElement;
  private readonly fieldList = document.getElementById("fields")!;
  private simulation: Simulation | null = null;
  private listedSlots: Uint32Array = new Uint32Array();
  private cells: Array<{ row: HTMLElement; value: HTMLElement }> = [];
  /** Of the row and generation that is shown, so that only its own changes are marked. */
  private shown = "";

  /** `onChange` is called when another row was chosen in the panel. */
  constructor(private readonly onChange: () => void) {
    this.tableSelect.addEventListener("change", () => {
      this.setTable(Number(this.tableSelect.value));
      this.onChange();
    });
    this.rowSelect.addEventListener("change", () => {
      this.slot = Number(this.rowSelect.value);
      this.onChange();
    });
  }

  open(simulation: Simulation): void {
    this.simulation = simulation;
    this.tableSelect.replaceChildren(...simulation.tables.map(({ index, name }) => new Option(name, String(index))));
    this.setTable(0);
  }

  select(table: number, slot: number): void {
    if (table !== this.table) this.setTable(table);
    this.slot = slot;
  }

  private setTable(index: number): void {
    this.table = index;
    this.slot = -1;
    this.tableSelect.value = String(index);
    this.listedSlots = new Uint32Array();
    this.rowSelect.replaceChildren();
    this.cells = this.simulation!.tables[index].fields.map(({ name, type }) => {
      const row = document.createElement("tr");
      const [label, value, kind] = [name, "", type].map((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      });
      row.append(label, value, kind);
      return { row, value };
    });
    this.fieldList.replaceChildren(...this.cells.map(({ row }) => row));
  }

  /** Shows the row as it stands; `nameOf` a table's slot is what people call it, or "". */
  show(nameOf: (table: number, slot: number) => string): void {
    if (!this.simulation || this.table < 0) return;
    const table = this.simulation.tables[this.table];
    const columns = this.simulation.columns(table);
    this.listRows(columns, nameOf);
    document.getElementById("row-count")!.textContent = `${columns.slots.length} of ${table.capacity} rows`;
    // Without a choice the first row is as good as any.
    if (this.slot < 0 && columns.slots.length > 0) this.slot = columns.slots[0];
    this.rowSelect.value = String(this.slot);
    this.showRow(table, columns, nameOf(this.table, this.slot));
  }

  private showRow(table: SimulationTable, columns: Columns, name: string): void {
    const at = columns.slots.indexOf(this.slot);
    const heading = document.getElementById("entity-name")!;
    const detail = document.getElementById("entity-id")!;
    if (at < 0) {
      heading.textContent = this.slot < 0 ? "no rows" : `${table.name} ${this.slot}`;
      detail.textContent = "not there in this tick";
      for (const { row, value } of this.cells) [value.textContent, row.className] = ["–", ""];
      this.shown = "";
      return;
    }
    const generation = columns.generations[at];
    const id = entityId(table.index, generation, this.slot).toString(16).padStart(16, "0");
    heading.textContent = name || `${table.name} ${this.slot}`;
    detail.textContent = `slot ${this.slot} · generation ${generation}\nid 0x${id}`;
    const same = this.shown === id;
    this.shown = id;
    this.cells.forEach(({ row, value }, f) => {
      const text = formatValue(table.fields[f].type, columns.values[f][at]);
      row.className = same && value.textContent !== text ? "changed" : "";
      value.textContent = text;
    });
  }

  private listRows({ slots }: Columns, nameOf: (table: number, slot: number) => string): void {
    const known = this.listedSlots;
    if (slots.length === known.length && slots.every((slot, i) => slot === known[i])) return;
    this.listedSlots = slots;
    this.rowSelect.replaceChildren(
      ...Array.from(slots, (slot) => new Option([slot, nameOf(this.table, slot)].join(" "), String(slot))),
    );
  }
}
