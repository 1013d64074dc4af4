// What this browser remembers of its person: the name. A browser may keep nothing.

export function rememberedName(): string {
  try {
    return localStorage.getItem("drumline.name") ?? "";
  } catch {
    return "";
  }
}

export function rememberName(name: string): void {
  try {
    localStorage.setItem("drumline.name", name.trim());
  } catch {
    // Then it is typed again.
  }
}
