// Recordings: <div class="recording" data-cast="…"> becomes a player. Its picture stays where there
// is no script, and until the player is there.
document.querySelectorAll(".recording[data-cast]").forEach((place) => {
  const cast = place.dataset.cast;
  const folder = cast.slice(0, cast.lastIndexOf("/") + 1);
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = folder + "asciinema-player.css";
  const script = document.createElement("script");
  script.src = folder + "asciinema-player.min.js";
  script.onload = () => {
    const screen = document.createElement("div");
    place.replaceChildren(screen);
    AsciinemaPlayer.create(cast, screen, {
      poster: "npt:" + (place.dataset.poster || "0:10"),
      idleTimeLimit: 2,
      fit: "width",
      terminalFontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    });
  };
  document.head.append(style, script);
});
